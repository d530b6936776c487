/** Starts the console in the page. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Refused } from './api.js'
import { App } from './app.js'
import './style.css'

const TRIES_MAX = 2
/** Requests go out although the browser says that it is offline: the gateway may be on this machine, or near it. */
const NETWORK_MODE = 'always'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // a refusal stays one; an answer that did not come may come at the next try
      retry: (tries, error) => tries < TRIES_MAX && !(error instanceof Refused && error.status < 500),
      refetchOnWindowFocus: false,
      networkMode: NETWORK_MODE,
    },
    // a write is sent again by the person, with the same key
    mutations: { retry: false, networkMode: NETWORK_MODE },
  },
})

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
