/** Asks an embedded server over HTTP whether it is well. */

import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { LOOPBACK } from './ports.js'

const PROBE_TIMEOUT_MS = 1_000

/**
 * The body of a reply with status 200 from `path` on a loopback port; undefined for another status. Rejects when no
 * reply comes in time. It does not use `fetch`, which refuses some ports that a user may choose, such as 6000.
 */
export const bodyOf = (port: number, path: string): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const request = get({ host: LOOPBACK, port, path, agent: false }, reply => {
      text(reply).then(body => resolve(reply.statusCode === 200 ? body : undefined), reject)
    })
    request.setTimeout(PROBE_TIMEOUT_MS, () => request.destroy(new Error('timeout')))
    request.on('error', reject)
  })

/** Whether `path` on a loopback port answers with status 200. Rejects when no reply comes in time. */
export const givesOk = async (port: number, path: string): Promise<boolean> =>
  (await bodyOf(port, path)) !== undefined
