// What can be told of clean text: the values that the gate transformed, the
// words of the query, and where a passage lies in its field.

export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'hit'; text: string }
  | { kind: 'token'; text: string; entity: string; values: string[] } // pseudonyms or a keyed hash
  | { kind: 'label'; text: string; entity: string }
  | { kind: 'mask'; text: string }

// A pseudonym's keyed part is ten digits of the gate's base 32, a hash's
// sixteen hexadecimal digits. A mask keeps at most four trailing characters.
const transformed =
  /(?<token>\b(?<entity>[A-Z][A-Z_]*)_(?<value>[a-km-np-z2-9]{10}|[0-9a-f]{16}))(?![\p{L}\p{N}_])|(?<label>\[(?<type>[A-Z][A-Z_]+)\])|(?<mask>(?:\*[ ./-]?){3,}\*(?:(?:[ ./-]?[\p{L}\p{N}]){4}(?![\p{L}\p{N}]))?)/gu

const common = new Set('a an and are as at be by for from has have in is it of on or that the this to was were with'.split(' '))

/** terms are the words of a query that are worth a highlight. */
export function terms(query: string): string[] {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  const rare = words.filter((w) => !common.has(w))
  return rare.length ? rare : words
}

// Inflections share their beginning; short words must be equal.
function matches(word: string, wanted: string[]): boolean {
  return wanted.some((t) => t === word || (t.length > 3 && word.length > 3 && (word.startsWith(t) || t.startsWith(word))))
}

function highlight(text: string, wanted: string[], out: Piece[]) {
  let plain = 0
  if (wanted.length) {
    for (const m of text.matchAll(/[\p{L}\p{N}]+/gu)) {
      if (!matches(m[0].toLowerCase(), wanted)) continue
      if (m.index > plain) out.push({ kind: 'text', text: text.slice(plain, m.index) })
      out.push({ kind: 'hit', text: m[0] })
      plain = m.index + m[0].length
    }
  }
  if (plain < text.length) out.push({ kind: 'text', text: text.slice(plain) })
}

// A name has a token for each word; side by side they are one piece.
function token(out: Piece[], text: string, entity: string, value: string) {
  const [last, gap] = [out.at(-2), out.at(-1)]
  if (last?.kind === 'token' && last.entity === entity && gap?.kind === 'text' && gap.text === ' ') {
    out.pop()
    last.text += ` ${text}`
    last.values.push(value)
    return
  }
  out.push({ kind: 'token', text, entity, values: [value] })
}

/** pieces cuts clean text into what is shown differently. */
export function pieces(text: string, wanted: string[]): Piece[] {
  const out: Piece[] = []
  let done = 0
  for (const m of text.matchAll(transformed)) {
    if (m.index > done) highlight(text.slice(done, m.index), wanted, out)
    const g = m.groups!
    if (g.token) token(out, g.token, g.entity!, g.value!)
    else if (g.label) out.push({ kind: 'label', text: g.label, entity: g.type! })
    else out.push({ kind: 'mask', text: m[0] })
    done = m.index + m[0].length
  }
  if (done < text.length) highlight(text.slice(done), wanted, out)
  return out
}

/** span cuts text at byte offsets of its UTF-8. */
export function span(text: string, start: number, end: number): [before: string, inside: string, after: string] {
  const bytes = new TextEncoder().encode(text)
  const decode = (from: number, to?: number) => new TextDecoder().decode(bytes.subarray(from, to))
  return [decode(0, start), decode(start, end), decode(end)]
}
