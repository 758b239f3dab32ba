import { pieces } from './text'

// The same value always has the same pseudonym, and so the same hue: one can
// follow a person through a list without knowing who it is.
function hue(value: string): number {
  let h = 0
  for (const c of value) h = (h * 31 + c.charCodeAt(0)) % 360
  return h
}

/** CleanText shows text that has passed the gate, with what it transformed. */
export function CleanText({ text, terms = [] }: { text: string; terms?: string[] }) {
  return pieces(text, terms).map((p, i) => {
    switch (p.kind) {
      case 'text':
        return p.text
      case 'hit':
        return <mark key={i}>{p.text}</mark>
      case 'token':
        return (
          <span key={i} className="chip flex-wrap border-line bg-sunken" data-token={p.entity} title={`${p.text}: a keyed token, the same for the same value`}>
            <span className="text-[0.625rem] text-muted">{p.entity}</span>
            {p.values.map((v, j) => (
              <span key={j} className="inline-flex items-baseline gap-0.5">
                <span className="size-1.5 shrink-0 self-center rounded-full" style={{ background: `hsl(${hue(v)} 60% 50%)` }} aria-hidden />
                {v.slice(0, 4)}
              </span>
            ))}
          </span>
        )
      case 'label':
        return (
          <span key={i} className="chip border-accent/30 bg-accent/8 text-[0.625rem] text-accent" title={`${p.text}: removed by the gate`}>
            {p.entity}
          </span>
        )
      case 'mask':
        return (
          <span key={i} className="chip border-warn/30 bg-warn/8" title="Masked by the gate">
            {p.text}
          </span>
        )
    }
  })
}
