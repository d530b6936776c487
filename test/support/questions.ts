/** Asks a running ledger over one NATS connection, and compares its answers with a fold. */

import { jetstreamManager } from '@nats-io/jetstream'
import type { Msg, NatsConnection } from 'nats'
import { LEDGER_STREAM } from '../../src/stream/settings.js'
import { foldEvents, type Opinion, readEvents } from './independent-fold.js'
import { until } from './servers.js'

const REQUEST_MS_MAX = 2_000
const REQUESTS_AT_ONCE = 200
const SHOWN_MAX = 5

/** The customers that seeding creates. */
export const SEEDED_IDS: readonly string[] = Array.from({ length: 1_000 }, (_, i) => String(i + 1))

export const request = (nc: NatsConnection, body: string, subject = 'customer.balance'): Promise<Msg> =>
  nc.request(subject, body, { timeout: REQUEST_MS_MAX })

/** `<code>:<description>` of an error reply, '' for a success. */
export const errorOf = ({ headers }: Msg): string =>
  headers?.has('Nats-Service-Error-Code')
    ? `${headers.get('Nats-Service-Error-Code')}:${headers.get('Nats-Service-Error')}`
    : ''

/** Asks for a customer's balance. Fails when the reply does not have the promised form exactly. */
export const balanceOf = async (nc: NatsConnection, id: string): Promise<bigint> => {
  const reply = await request(nc, JSON.stringify({ client_id: id }))
  const [, number, text] = /^\{"balance":(?:(\d+)|"(\d+)")\}$/.exec(reply.string()) ?? []
  const digits = number ?? text
  if (digits === undefined) throw new Error(`${errorOf(reply)} for customer ${id}: ${reply.string()}`)
  return BigInt(digits)
}

/** Waits until a customer's balance is `balance`. */
export const untilBalance = async (
  nc: NatsConnection,
  id: string,
  balance: bigint,
  deadline_ms: number,
): Promise<void> => {
  await until(async () => (await balanceOf(nc, id)) === balance, {
    deadline_ms,
    what: `a balance of ${balance} for ${id}`,
  })
}

const differences = async (nc: NatsConnection, { balances }: Opinion): Promise<string[]> => {
  const ids = [...new Set([...SEEDED_IDS, ...balances.keys(), 'no-such'])]
  const found: string[] = []
  for (let from = 0; from < ids.length; from += REQUESTS_AT_ONCE) {
    const page = ids.slice(from, from + REQUESTS_AT_ONCE)
    const answers = await Promise.all(page.map(id => balanceOf(nc, id)))
    answers.forEach((answer, i) => {
      const id = page[i] ?? ''
      const right = balances.get(id) ?? 0n
      if (answer !== right) found.push(`${id} has ${answer} instead of ${right}`)
    })
  }
  return found
}

/** True when the table holds everything up to `seq`. Answers to queries cannot prove that: they use the stream too. */
const isProjected = async (nc: NatsConnection, seq: number): Promise<boolean> => {
  const jsm = await jetstreamManager(nc, { checkAPI: false })
  const consumers = await jsm.consumers.list(LEDGER_STREAM).next()
  const floors = consumers
    .filter(({ name }) => /^ledger(-g\d+)?$/.test(name))
    .map(({ ack_floor }) => ack_floor.stream_seq)
  return Math.max(0, ...floors) >= seq
}

/**
 * Waits until the table is up to date and every balance, of the seeded customers and of all others with events, equals
 * the independent fold of the stream at the time of the call. Returns that fold. At the deadline it fails and names the
 * customers that still differ.
 */
export const untilEqualsFold = async (nc: NatsConnection, deadline_ms: number): Promise<Opinion> => {
  const events = await readEvents(nc)
  const opinion = foldEvents(events)
  await until(() => isProjected(nc, events.at(-1)?.seq ?? 0), {
    deadline_ms,
    what: 'the balances to be projected',
  })
  await until(
    async () => {
      const found = await differences(nc, opinion)
      if (found.length > 0)
        throw new Error(`${found.length} balances differ: ${found.slice(0, SHOWN_MAX).join(', ')}`)
      return true
    },
    { deadline_ms, what: 'the balances to equal the fold of the stream' },
  )
  return opinion
}

export type Health = {
  readonly status: number
  readonly state: string
  readonly parts: Readonly<Record<string, { readonly state: string; readonly detail: string }>>
}

/** Returns the answer to `GET /healthz`. */
export const healthOf = async (url: string): Promise<Health> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS_MAX) })
  return { status: response.status, ...((await response.json()) as Omit<Health, 'status'>) }
}
