// The HTTP API, as far as the console uses it.

export type State = 'waiting' | 'running' | 'retrying' | 'succeeded' | 'failed' | 'skipped' | 'cancelled'

export interface Declaration {
  collection: string
  content: string[]
  metadata?: string[]
  title?: string
  policy?: string
  model?: string
}

export interface Collection {
  name: string
  declaration: Declaration
  created_at: string
  updated_at: string
}

export interface Status {
  collection: string
  records: number
  passages: number
  pending_changes: number
  lag_seconds: number
  dead_letters: number
  generation?: {
    id: number
    state: string
    model: string
    fingerprint: string
    dimensions: number
    policy: string
    created_at: string
  }
}

export interface Attempt {
  number: number
  state: State
  worker?: string
  started_at: string
  finished_at?: string
  kind?: string
  error?: string
}

export interface Step {
  name: string
  state: State
  output?: unknown
  attempts: Attempt[]
}

export interface Run {
  id: string
  pipeline: string
  state: State
  started_at: string
  finished_at?: string
  steps: Step[]
}

export interface DeadLetter {
  id: string
  collection: string
  record: string
  pipeline: string
  step: string
  run?: string
  kind: string
  message: string
  attempts: number
  first_at: string
  last_at: string
}

export type Fields = Record<string, unknown>

export interface StoredRecord {
  id: string
  version: number
  content_version: number
  fields: Fields
  updated_at: string
}

export interface Passage {
  text: string
  field: string
  start: number // byte offsets in the record's field
  end: number
}

export interface Hit {
  id: string
  version: number
  score: number
  passage: Passage
  fields: Fields
}

export type Mode = 'hybrid' | 'vector' | 'lexical'

export interface Query {
  query: string
  k: number
  mode: Mode
  filter?: Fields
}

export interface List<T> {
  items: T[]
  next?: string
}

/** Problem is an error that the server answered with, after RFC 9457. */
export class Problem extends Error {
  readonly status: number
  readonly title: string
  readonly errors: { location: string; message: string }[]

  constructor(status: number, title: string, detail: string, errors: { location: string; message: string }[]) {
    super(detail || title)
    this.status = status
    this.title = title
    this.errors = errors
  }
}

/** Gone means that no answer came at all. */
export class Gone extends Error {
  constructor() {
    super('The server does not answer.')
  }
}

async function ask(path: string, init?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch (error) {
    if (init?.signal?.aborted) throw error
    throw new Gone()
  }
  if (response.ok) return response
  let doc: { title?: string; detail?: string; errors?: { location?: string; message?: string }[] } = {}
  if (response.headers.get('content-type')?.includes('json')) doc = await response.json()
  throw new Problem(
    response.status,
    doc.title ?? response.statusText,
    doc.detail ?? '',
    (doc.errors ?? []).map((e) => ({ location: e.location ?? '', message: e.message ?? '' })),
  )
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, { signal })).json()
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal }
  return (await ask(path, init)).json()
}

function query(parameters: Record<string, string | number | undefined>): string {
  const q = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value) q.set(name, String(value))
  return q.size ? `?${q}` : ''
}

const collection = (name: string) => `/v1/collections/${encodeURIComponent(name)}`

export const api = {
  health: (signal?: AbortSignal) => get<{ status: string }>('/healthz', signal),
  metrics: async (signal?: AbortSignal) => (await ask('/metrics', { signal })).text(),
  collections: (signal?: AbortSignal) => get<List<Collection>>(`/v1/collections${query({ limit: 1000 })}`, signal),
  status: (name: string, signal?: AbortSignal) => get<Status>(`${collection(name)}/status`, signal),
  record: (name: string, id: string, signal?: AbortSignal) =>
    get<StoredRecord>(`${collection(name)}/records/${encodeURIComponent(id)}`, signal),
  search: (name: string, q: Query, signal?: AbortSignal) =>
    post<{ results: Hit[]; took_ms: number }>(`${collection(name)}/search`, q, signal),
  runs: (f: { pipeline?: string; state?: string; cursor?: string; limit?: number }, signal?: AbortSignal) =>
    get<List<Run>>(`/v1/runs${query(f)}`, signal),
  run: (id: string, signal?: AbortSignal) => get<Run>(`/v1/runs/${encodeURIComponent(id)}`, signal),
  deadLetters: (f: { collection?: string; cursor?: string; limit?: number }, signal?: AbortSignal) =>
    get<List<DeadLetter>>(`/v1/dead-letters${query(f)}`, signal),
  /** An empty body replays all. */
  replay: (body: { ids?: string[]; collection?: string }) => post<{ replayed: number }>('/v1/dead-letters:replay', body),
}
