import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Problem } from './api'
import { router } from './router'
import './styles.css'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always', // the server is likely on this machine
      staleTime: 1000,
      // An answer, even an unwelcome one, is not asked for again.
      retry: (failures, error) => failures < 2 && !(error instanceof Problem),
    },
    mutations: { networkMode: 'always' },
  },
})

createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
