// The HTTP API, as far as the console uses it.

export type State = 'waiting' | 'running' | 'retrying' | 'succeeded' | 'failed' | 'skipped' | 'cancelled'

export interface Declaration {
  collection: string
  content: string[]
  metadata?: string[]
  title?: string
  policy?: string
  model?: string
  chunking: Chunking
}

export interface Chunking {
  target: number // tokens of a passage
  max: number
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
  generation?: Generation
  other_generations?: Generation[] // fed beside the active one
}

export interface Generation {
  id: number
  state: 'building' | 'active' | 'standby' | 'retired'
  model: string
  fingerprint: string
  dimensions: number
  policy: string
  created_at: string
  pending_changes?: number
}

export type UpgradeState = 'planned' | 'building' | 'held' | 'switched' | 'rolled-back' | 'aborted' | 'done'

export interface Upgrade {
  id: string
  collection: string
  state: UpgradeState
  reasons: string[] // what differs
  before: Declaration
  declaration: Declaration
  from_generation: number
  to_generation?: number
  forecast: {
    records: number
    passages: number
    reused: number
    tokens: number
    price: number
    seconds: number // 0 where the model has no limits
    standby_price_per_day: number
  }
  terms: {
    standby: number // nanoseconds
    manual?: boolean
    min_overlap: number
    max_loss: number
    max_slowdown: number
  }
  evaluation?: Evaluation
  run?: string
  note?: string
  approved_by?: string
  approved_for?: string
  planned_at: string
  approved_at?: string
  switched_at?: string
  standby_until?: string
  ended_at?: string
}

export interface Evaluation {
  queries: number
  source: string
  overlap_at_10: number
  judged: number
  old_ndcg_at_10?: number
  new_ndcg_at_10?: number
  old_p50_ms: number
  old_p95_ms: number
  new_p50_ms: number
  new_p95_ms: number
  coverage: number
  overlaps: number[] // queries that kept 0, 1, … 10 of their first ten results
}

export interface UpgradePlan {
  model?: string
  chunking?: Chunking
  standby?: string
  manual?: boolean
}

export type Verb = 'approve' | 'abort' | 'switch' | 'rollback' | 'retire'

export interface Model {
  name: string
  provider: string
  identity: string
  revision?: string
  dimensions: number
  fingerprint: string
  price_per_million_tokens: number
  state: 'ok' | 'held' | 'down' | 'over budget' | 'waiting' | 'changed'
  why?: string
  until?: string
  collections: string[]
  budgets?: { of: string; period: string; budget: number; spent: number }[]
}

export interface Cost {
  of: string
  requests: number
  tokens: number
  computed: number
  reused: number
  saved_tokens: number
  spent: number
  saved: number
}

export type CostBy = 'collection' | 'model' | 'day'

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
  upgrades: (name: string, signal?: AbortSignal) => get<List<Upgrade>>(`${collection(name)}/upgrades${query({ limit: 50 })}`, signal),
  planUpgrade: (name: string, plan: UpgradePlan) => post<Upgrade>(`${collection(name)}/upgrades`, plan),
  /** A reason is kept by approve and abort. */
  actUpgrade: (u: Upgrade, verb: Verb, reason?: string) =>
    post<Upgrade>(`${collection(u.collection)}/upgrades/${encodeURIComponent(u.id)}/${verb}`, reason ? { reason } : {}),
  models: (signal?: AbortSignal) => get<List<Model>>('/v1/embedding-models', signal),
  costs: (by: CostBy, since?: string, signal?: AbortSignal) => get<{ items: Cost[]; total: Cost }>(`/v1/costs${query({ by, since })}`, signal),
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
