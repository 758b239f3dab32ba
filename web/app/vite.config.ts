import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// `npm run dev` serves the sources and passes the API on to a running
// `holdfast serve`.
const server = 'http://127.0.0.1:7420'

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'], // light-dark() in CSS
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': server, '/metrics': server, '/healthz': server, '/openapi.json': server } },
})
