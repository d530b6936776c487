/** Runs clients of the command side, each with a connection of its own, and checks their answers at the end. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { readEvents } from './independent-fold.js'
import { Model, type ModelAnswer, type Position, type Request } from './model.js'
import { until } from './servers.js'

/** The time limit of a request is short, because a killed instance never answers; the client then asks again. */
const REQUEST_MS_MAX = 4_000
const SETTLED_MS_MAX = 60_000
const AFTER_NONE_MS = 100
/** The codes of requests with an unknown outcome: the answer did not come, or says that the outcome is unknown. */
const OPEN = new Set(['NONE', 'TIMEOUT', 'OUTCOME_UNKNOWN'])

/** A request and its answer; the code is `NONE` when there was none. */
export type Exchange = { readonly request: Request; answer: ModelAnswer }

const whole = (value: unknown): bigint =>
  typeof value === 'number' || typeof value === 'string' ? BigInt(value) : -1n

const positionOf = ({ balance, version, seq }: Record<string, unknown>): Position => ({
  balance: whole(balance),
  version: Number(version),
  seq: Number(seq),
})

/** The body of a request. */
export const bodyOfRequest = ({ type, from, to, amount, transaction_id }: Request): string =>
  JSON.stringify({
    ...(type === 'transfer' ? { from, to } : { client_id: from }),
    amount: Number(amount),
    transaction_id,
  })

/** Decodes the body of a reply; an error has its code. */
export const answerFrom = ({ type }: Request, body: string): ModelAnswer => {
  const content = JSON.parse(body) as Record<string, never>
  if (content.error !== undefined) {
    const { code, balance } = content.error as unknown as { code: string; balance?: number }
    return balance === undefined ? { code } : { code, balance: whole(balance) }
  }
  const both = type === 'transfer' ? [content.from, content.to] : [content]
  return { code: 'done', at: both.map(each => positionOf(each ?? {})) }
}

/** Sends one command once. */
export const ask = async (nc: NatsConnection, request: Request): Promise<ModelAnswer> => {
  try {
    const reply = await nc.request(`customer.${request.type}`, bodyOfRequest(request), {
      timeout: REQUEST_MS_MAX,
    })
    return answerFrom(request, reply.string())
  } catch {
    // without a responder the server answers at once: without a pause, thousands of commands would go to no service
    await pause(AFTER_NONE_MS)
    return { code: 'NONE' }
  }
}

/** Every client sends its next request as soon as the last one is answered, until `next` has no more. */
export const runClients = async (
  clients: readonly NatsConnection[],
  next: () => Request | undefined,
  exchanges: Exchange[],
): Promise<void> => {
  const run = async (nc: NatsConnection): Promise<void> => {
    for (let request = next(); request !== undefined; request = next()) {
      exchanges.push({ request, answer: await ask(nc, request) })
    }
  }
  await Promise.all(clients.map(run))
}

/** The exchanges without a definite answer. */
const openOnes = (exchanges: readonly Exchange[]): Exchange[] =>
  exchanges.filter(({ answer }) => OPEN.has(answer.code))

/** Repeats, with the same id, every request without a definite answer. Returns the number of these requests. */
export const settleOpen = async (nc: NatsConnection, exchanges: readonly Exchange[]): Promise<number> => {
  const open = openOnes(exchanges)
  for (const exchange of open) {
    await until(
      async () => {
        exchange.answer = await ask(nc, exchange.request)
        return exchange.answer.code === 'done' || exchange.answer.code === 'INSUFFICIENT_FUNDS'
      },
      { deadline_ms: SETTLED_MS_MAX, what: `a definite answer for ${exchange.request.transaction_id}` },
    )
  }
  return open.length
}

/** Expects `customer.transaction` to agree with the stream about open requests. Returns the number of each status. */
export const expectDefinite = async (
  nc: NatsConnection,
  exchanges: readonly Exchange[],
): Promise<Record<string, number>> => {
  const model = await modelOf(nc)
  const said: Record<string, number> = {}
  for (const { request } of openOnes(exchanges)) {
    const { transaction_id } = request
    const reply = await nc.request('customer.transaction', JSON.stringify({ transaction_id }), {
      timeout: SETTLED_MS_MAX,
    })
    const { status, reply: original, error } = reply.json<Record<string, Record<string, unknown> & string>>()
    said[String(status)] = (said[String(status)] ?? 0) + 1
    const answer = status === 'committed' ? original : { error }
    if (status === 'unknown') expect(model.knows(transaction_id)).toBe(false)
    else expect(model.objection(request, true, answerFrom(request, JSON.stringify(answer)))).toBeUndefined()
  }
  return said
}

const modelOf = async (nc: NatsConnection): Promise<Model> => {
  const model = new Model()
  for (const { seq, subject, body, msg_id } of await readEvents(nc)) {
    model.fold({ seq, id: subject.slice('customer.balance.'.length), msg_id, body: bodyOf(body) })
  }
  return model
}

const bodyOf = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

/**
 * Expects every answer to agree with the stream: an accepted command is there once and whole, a refused one moved nothing, no
 * balance was ever below 0, and the sum of all balances is the sum of the answers.
 */
export const expectExact = async (nc: NatsConnection, exchanges: readonly Exchange[]): Promise<Model> => {
  const model = await modelOf(nc)
  const isDefinite = ({ answer }: Exchange): boolean =>
    answer.code === 'done' || answer.code === 'INSUFFICIENT_FUNDS'
  const stored = exchanges.filter(isDefinite)
  expect(stored.map(({ request, answer }) => model.objection(request, true, answer)).filter(Boolean)).toEqual(
    [],
  )
  const refused = exchanges.filter(exchange => !isDefinite(exchange))
  expect(refused.filter(({ request }) => model.knows(request.transaction_id))).toEqual([])
  expect(model.halves()).toEqual([])
  const sign = { credit: 1n, debit: -1n, transfer: 0n }
  const sum = stored
    .filter(({ answer }) => answer.code === 'done')
    .reduce((total, { request: { type, amount } }) => total + sign[type] * amount, 0n)
  expect([...model.balances.values()].reduce((total, balance) => total + balance, 0n)).toBe(sum)
  return model
}
