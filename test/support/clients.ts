/** Clients of the command side, each with a connection of its own, and what has to be true of their answers at the end. */

import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { readEvents } from './independent-fold.js'
import { type Answer, Model, type Position, type Request } from './model.js'
import { errorOf } from './questions.js'
import { until } from './servers.js'

/** Short, because a killed instance answers nobody: what takes longer is asked again. */
const REQUEST_MS_MAX = 4_000
const SETTLED_MS_MAX = 60_000
/** Nobody knows what became of it: the answer did not come, or says so. */
const OPEN = new Set(['NONE', 'TIMEOUT', 'OUTCOME_UNKNOWN'])

/** What a client asked, and the answer; code `NONE` when there was none. */
export type Exchange = { readonly request: Request; answer: Answer }

const whole = (value: unknown): bigint =>
  typeof value === 'number' || typeof value === 'string' ? BigInt(value) : -1n

const positionOf = ({ balance, version, seq }: Record<string, unknown>): Position => ({
  balance: whole(balance),
  version: Number(version),
  seq: Number(seq),
})

/** Sends one command once. */
export const ask = async (nc: NatsConnection, request: Request): Promise<Answer> => {
  const { type, from, to, amount, transaction_id } = request
  const whose = type === 'transfer' ? { from, to } : { client_id: from }
  const body = JSON.stringify({ ...whose, amount: Number(amount), transaction_id })
  try {
    const reply = await nc.request(`customer.${type}`, body, { timeout: REQUEST_MS_MAX })
    const content = reply.json<Record<string, never>>()
    if (errorOf(reply) !== '') {
      const { code, balance } = content.error as unknown as { code: string; balance?: number }
      return balance === undefined ? { code } : { code, balance: whole(balance) }
    }
    const both = type === 'transfer' ? [content.from, content.to] : [content]
    return { code: 'done', at: both.map(each => positionOf(each ?? {})) }
  } catch {
    return { code: 'NONE' }
  }
}

/** Every client asks its next one as soon as the last is answered, until `next` has no more. */
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

/** Asks again, with the same id, whatever has no definite answer yet; gives back how many those were. */
export const settleOpen = async (nc: NatsConnection, exchanges: readonly Exchange[]): Promise<number> => {
  const open = exchanges.filter(({ answer }) => OPEN.has(answer.code))
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

const bodyOf = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

/**
 * Every answer is what the stream says: what was accepted is there once and whole, what was refused moved nothing,
 * no balance was ever below 0, and the sum of all balances is what the answers add up to.
 */
export const expectExact = async (nc: NatsConnection, exchanges: readonly Exchange[]): Promise<Model> => {
  const model = new Model()
  for (const { seq, subject, body, msg_id } of await readEvents(nc)) {
    model.fold({ seq, id: subject.slice('customer.balance.'.length), msg_id, body: bodyOf(body) })
  }
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
