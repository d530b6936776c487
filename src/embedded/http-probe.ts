/** Asks a server of ours over HTTP whether it is well. */

import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { LOOPBACK } from './ports.js'

const PROBE_TIMEOUT_MS = 1_000

/**
 * The body that `path` on a loopback port gives with status 200; undefined with another status. Rejects when nobody
 * answers in time. Not by `fetch`, which refuses some of the ports that a user may choose, such as 6000.
 */
export const bodyOf = (port: number, path: string): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const request = get({ host: LOOPBACK, port, path, agent: false }, reply => {
      text(reply).then(body => resolve(reply.statusCode === 200 ? body : undefined), reject)
    })
    request.setTimeout(PROBE_TIMEOUT_MS, () => request.destroy(new Error('timeout')))
    request.on('error', reject)
  })

/** Whether `path` on a loopback port gives status 200. */
export const givesOk = async (port: number, path: string): Promise<boolean> =>
  (await bodyOf(port, path)) !== undefined
