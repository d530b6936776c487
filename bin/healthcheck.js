#!/usr/bin/env node
// A container's health check: exit code 0 when GET /healthz of this container's process answers 2xx.
const port = process.env.HTTP_PORT || 8080
const scheme = process.env.HTTP_TLS_CERT ? 'https' : 'http'
// the name in the certificate is the one that callers use, not this one
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
