#!/usr/bin/env node
// The health check of a container: the exit code is 0 when GET /healthz of the process in this container answers 2xx.
const port = process.env.HTTP_PORT || 8080
const scheme = process.env.HTTP_TLS_CERT ? 'https' : 'http'
// the certificate is for the name that callers use, not for 127.0.0.1, so it cannot be verified here
if (scheme === 'https') process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
try {
  const { ok, status } = await fetch(`${scheme}://127.0.0.1:${port}/healthz`, {
    signal: AbortSignal.timeout(4_000),
  })
  if (!ok) throw new Error(`status ${status}`)
} catch (error) {
  console.error(`not healthy: ${error.cause?.message ?? error.message}`)
  process.exitCode = 1
}
