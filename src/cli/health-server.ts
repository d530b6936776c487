/**
 * `GET /healthz`: this process's health for a supervisor, also while NATS is away. 200 when everything does its work
 * (`degraded` included: a restart would not help), 503 when a part is down.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Health } from '../health.js'
import { Failure } from './failure.js'

const REQUEST_TIMEOUT_MS = 2_000
const CONNECTIONS_MAX = 32

export type HealthServer = { readonly url: string; readonly stop: () => Promise<void> }

const listen = (server: Server, host: string, port: number, option: string): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    server.once('error', cause => {
      const taken = 'code' in cause && cause.code === 'EADDRINUSE'
      const advice = `stop it, or choose another with ${option} (0 = a free one)`
      reject(
        new Failure(taken ? `Port ${port} is taken by another program: ${advice}.` : cause.message, {
          cause,
        }),
      )
    })
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })

/** Serves health on `host`:`port` (0: a free port); `option` is what to change when it is taken. */
export const startHealthServer = async (
  health: Health,
  host: string,
  port: number,
  option: string,
): Promise<HealthServer> => {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const known = request.method === 'GET' && request.url === '/healthz'
    const { state, parts } = health.read()
    response.writeHead(known ? (state === 'down' ? 503 : 200) : 404, { 'content-type': 'application/json' })
    response.end(known ? JSON.stringify({ state, parts }) : '{"error":"only GET /healthz is served"}')
  })
  server.maxConnections = CONNECTIONS_MAX
  const { port: actual } = await listen(server, host, port, option)
  return {
    url: `http://${host}:${actual}/healthz`,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
