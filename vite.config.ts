import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig(({ command }) => {
  // What is built is for use, also when a test asks for it: else React's own checks would be built in.
  if (command === 'build') process.env['NODE_ENV'] = 'production'
  return {
    root: fileURLToPath(new URL('src/ui', import.meta.url)),
    plugins: [react()],
    build: {
      outDir: fileURLToPath(new URL('dist/ui', import.meta.url)),
      emptyOutDir: true,
      // The content security policy is default-src 'self': nothing may become a data: address.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: ['chrome125', 'firefox128', 'safari17.5'],
      // scripts/sizes.ts holds what may be loaded, gzipped.
      chunkSizeWarningLimit: 900,
    },
    server: { proxy: Object.fromEntries(['/v1', '/log', '/readyz'].map((path) => [path, 'http://127.0.0.1:7421'])) },
  }
})
