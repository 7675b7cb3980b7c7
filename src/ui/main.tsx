import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/shell.css'
import './styles/search.css'
import './styles/list.css'
import './styles/drawer.css'
import './styles/pages.css'
import './styles/sources.css'
import './styles/ledger.css'
import './styles/rules.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { applyTheme } from './shell/preferences.ts'

applyTheme()
const client = new QueryClient()
const mount = document.getElementById('app')
if (mount !== null) {
  createRoot(mount).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  )
}
