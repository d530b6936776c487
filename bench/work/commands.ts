/** Sends commands as clients do: one by one, and in bulk. */

import type { Msg, NatsConnection } from 'nats'
import type { Operation, Result } from '../measure/job.js'
import { HOT_CUSTOMER, ninetyTen, pair, uniform } from './customers.js'
import { type Random, refused, request } from './request.js'

/** The largest number of commands in one request. */
const BULK_COMMANDS = 1_000

const credit =
  (customer: (random: Random) => string) =>
  (nc: NatsConnection, random: Random): Operation =>
  () =>
    request(nc, 'customer.credit', JSON.stringify({ client_id: customer(random), amount: 1 }))

export const creditUniform = credit(uniform)
export const creditHot = credit(() => HOT_CUSTOMER)
export const creditNinetyTen = credit(ninetyTen)

export const transfer =
  (nc: NatsConnection, random: Random): Operation =>
  () => {
    const [from, to] = pair(random)
    return request(nc, 'customer.transfer', JSON.stringify({ from, to, amount: 1 }))
  }

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

export const bulk = (nc: NatsConnection, random: Random): Operation => {
  const command = () => ({ type: 'credit', client_id: uniform(random), amount: 1 })
  return () => {
    const commands = Array.from({ length: BULK_COMMANDS }, command)
    return request(nc, 'customer.batch', JSON.stringify({ mode: 'each', commands }), count)
  }
}
