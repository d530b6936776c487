/**
 * What every example needs: requests to the ledger. Copy it together with an example.
 *
 * Each write has a transaction id, which the caller chooses: the id of the order, of the charge, of the call. A write whose
 * outcome is not known is sent again under that id, and has one effect however often it is sent. So a program that was killed
 * may simply do everything again.
 */

import { connect } from 'nats' // npm install nats@npm:@nats-io/transport-node@3

const TIMEOUT_MS = 5_000
const TRIES_MAX = 10
const PAUSE_MS = 200

/** The ledger's refusal: `code` is one of docs/errors.md, and `details` are the other fields of the answer. */
export class Refused extends Error {
  constructor({ code, message, ...details }) {
    super(`${code}: ${message}`)
    this.code = code
    this.details = details
  }
}

/** The codes after which the same request may be sent again (docs/errors.md). */
const SEND_AGAIN = new Set(['BUSY', 'CONFLICT', 'OUTCOME_UNKNOWN', 'TIMEOUT', 'UNAVAILABLE'])

const isOver = error => error instanceof Refused && !SEND_AGAIN.has(error.code)

const pause = () => new Promise(resolve => setTimeout(resolve, PAUSE_MS))

/** Connects to the ledger of NATS_URL, or to that of `jetledger dev`. `ask` sends a request; `close` ends the connection. */
export const openLedger = async () => {
  const nc = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222' })

  const askOnce = async (name, fields) => {
    const reply = await nc.request(`customer.${name}`, JSON.stringify(fields), { timeout: TIMEOUT_MS })
    if (!reply.headers?.has('Nats-Service-Error-Code')) return reply.json()
    throw new Refused(reply.json().error)
  }

  const ask = async (name, fields) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await askOnce(name, fields)
      } catch (error) {
        // no answer at all is no refusal either: the write may be stored or not
        if (isOver(error) || tries === TRIES_MAX) throw error
        await pause()
      }
    }
  }

  return { ask, close: () => nc.drain() }
}
