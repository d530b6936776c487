/** Sends commands as clients do: one by one, and in bulk. */

import type { Msg, NatsConnection } from 'nats'
import { uuidv7 } from '../../src/uuid.js'
import type { Operation, Result } from '../measure/job.js'
import { type Random, refused, request } from './client-request.js'
import { HOT_CUSTOMER, hot, ninetyTen, pair, uniform } from './customers.js'

/** The largest number of commands in one request. */
export const BULK_COMMANDS = 1_000

/** Longer than any measurement, so that no hold expires in one. */
const HOLD_S = 3_600

/** The field that makes a command safe to send again. */
const newId = () => ({ transaction_id: uuidv7() })
const noId = () => ({})

const credit =
  (customer: (random: Random) => string, idOf: () => object = noId) =>
  (nc: NatsConnection, random: Random): Operation =>
  () =>
    request(nc, 'customer.credit', JSON.stringify({ client_id: customer(random), amount: 1, ...idOf() }))

export const creditUniform = credit(uniform)
export const creditThousand = credit(hot)
export const creditHot = credit(() => HOT_CUSTOMER)
export const creditNinetyTen = credit(ninetyTen)
export const creditWithId = credit(uniform, newId)
export const creditHotWithId = credit(() => HOT_CUSTOMER, newId)

/** Holds and captures in turn: each hold is captured by the next request that finds it answered. */
export const holdAndCapture = (nc: NatsConnection, random: Random): Operation => {
  const open: { readonly client_id: string; readonly hold: string }[] = []
  return async () => {
    const held = open.shift()
    if (held !== undefined)
      return request(nc, 'customer.capture', JSON.stringify({ ...held, transaction_id: uuidv7() }))
    const [client_id, transaction_id] = [uniform(random), uuidv7()]
    const made = await request(
      nc,
      'customer.hold',
      JSON.stringify({ client_id, amount: 1, transaction_id, expires_in: HOLD_S }),
    )
    if (made.accepted > 0) open.push({ client_id, hold: transaction_id })
    return made
  }
}

const transferring =
  (idOf: () => object) =>
  (nc: NatsConnection, random: Random): Operation =>
  () => {
    const [from, to] = pair(random)
    return request(nc, 'customer.transfer', JSON.stringify({ from, to, amount: 1, ...idOf() }))
  }

export const transfer = transferring(noId)
export const transferWithId = transferring(newId)

type CommandResult = { readonly error?: { readonly code?: string } }

/** Counts the accepted commands in the reply to one bulk request, and the errors of the other commands by code. */
export const countResults = (body: string): Result => {
  const { results } = JSON.parse(body) as { readonly results?: readonly CommandResult[] }
  if (!Array.isArray(results)) return refused('NO_RESULTS')
  const errors: Record<string, number> = {}
  let accepted = 0
  for (const { error } of results as readonly CommandResult[]) {
    if (error === undefined) accepted += 1
    else errors[error.code ?? 'NO_CODE'] = (errors[error.code ?? 'NO_CODE'] ?? 0) + 1
  }
  return { accepted, errors }
}

const count = (reply: Msg): Result => countResults(reply.string())

const inBulk =
  (idOf: () => object) =>
  (nc: NatsConnection, random: Random): Operation => {
    const command = () => ({ type: 'credit', client_id: uniform(random), amount: 1, ...idOf() })
    return () => {
      const commands = Array.from({ length: BULK_COMMANDS }, command)
      return request(nc, 'customer.batch', JSON.stringify({ mode: 'each', commands }), count)
    }
  }

export const bulk = inBulk(noId)
export const bulkWithIds = inBulk(newId)
