import { useQueries, useQuery } from '@tanstack/react-query'
import { api } from './api'
import { parseMetrics } from './metrics'

/** live is how often, in milliseconds, a visible page asks again. */
export const live = 2000

export function useCollections() {
  return useQuery({ queryKey: ['collections'], queryFn: ({ signal }) => api.collections(signal), refetchInterval: live * 5 })
}

/** useStatuses reads the status of every collection, in their order. */
export function useStatuses() {
  const collections = useCollections()
  const statuses = useQueries({
    queries: (collections.data?.items ?? []).map((c) => ({
      queryKey: ['status', c.name],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.status(c.name, signal),
      refetchInterval: live,
    })),
  })
  return { collections, statuses }
}

export function useStatus(name: string) {
  return useQuery({ queryKey: ['status', name], queryFn: ({ signal }) => api.status(name, signal), refetchInterval: live })
}

export function useUpgrades(name: string) {
  return useQuery({ queryKey: ['upgrades', name], queryFn: ({ signal }) => api.upgrades(name, signal), refetchInterval: live })
}

/** useNewestUpgrades reads the newest upgrade of each collection that has one. */
export function useNewestUpgrades(names: string[]) {
  const all = useQueries({
    queries: names.map((name) => ({
      queryKey: ['upgrades', name],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.upgrades(name, signal),
      refetchInterval: live * 5,
    })),
  })
  return all.flatMap((q) => q.data?.items.slice(0, 1) ?? [])
}

export function useModels() {
  return useQuery({ queryKey: ['models'], queryFn: ({ signal }) => api.models(signal), refetchInterval: live * 5 })
}

export function useMetrics() {
  return useQuery({ queryKey: ['metrics'], queryFn: async ({ signal }) => parseMetrics(await api.metrics(signal)), refetchInterval: live, structuralSharing: false })
}
