/**
 * Runs a client of the command side in a process of its own: sends the requests from standard input, `in_flight` at a time,
 * and prints the answers in the same order. A request without a definite answer is sent again with the same id.
 *
 * @typedef {{ subject: string, body: string }} Request
 */

import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'nats'

const REQUEST_MS_MAX = 25_000
const TRIES_MAX = 40
const BETWEEN_TRIES_MS = 250
const AGAIN = /"code":"(?:BUSY|CONFLICT|UNAVAILABLE|OUTCOME_UNKNOWN|TIMEOUT)"/

/** @type {{ url: string, in_flight: number, requests: Request[] }} */
const { url, in_flight, requests } = JSON.parse(await text(process.stdin))
const nc = await connect({ servers: url.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 50 })

/** @param {Request} request */
const ask = async ({ subject, body }) => {
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    try {
      const answer = (await nc.request(subject, body, { timeout: REQUEST_MS_MAX })).string()
      if (!AGAIN.test(answer)) return answer
    } catch {
      // no answer: the command may be stored or not
    }
    await pause(BETWEEN_TRIES_MS)
  }
  return '{"error":{"code":"NONE"}}'
}

/** @type {string[]} */
const answers = []
let next = 0
const work = async () => {
  for (let i = next++; i < requests.length; i = next++) {
    const request = requests[i]
    if (request !== undefined) answers[i] = await ask(request)
  }
}
await Promise.all(Array.from({ length: in_flight }, work))
await nc.close()
process.stdout.write(JSON.stringify(answers))
