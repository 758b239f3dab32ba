// Prometheus' text format, as far as counters and gauges go.

export interface Sample {
  labels: Record<string, string>
  value: number
}

export type Metrics = Map<string, Sample[]>

export function parseMetrics(text: string): Metrics {
  const all: Metrics = new Map()
  for (const line of text.split('\n')) {
    const m = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)
    if (!m) continue
    const labels: Record<string, string> = {}
    for (const [, name, value] of (m[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name!] = value!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
    }
    const samples = all.get(m[1]!) ?? []
    samples.push({ labels, value: Number(m[3]) })
    all.set(m[1]!, samples)
  }
  return all
}

/** total adds up the samples of a metric whose labels include the given ones. */
export function total(metrics: Metrics | undefined, name: string, labels: Record<string, string> = {}): number {
  let sum = 0
  for (const s of metrics?.get(name) ?? []) {
    if (Object.entries(labels).every(([k, v]) => s.labels[k] === v)) sum += s.value
  }
  return sum
}
