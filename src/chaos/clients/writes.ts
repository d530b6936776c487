/**
 * Generates the clients' writes: single commands and batches, with and without an id of their own, and published events. Each
 * write has a unique key (`reference`, or a header when the body cannot hold one), by which the checker finds it in the
 * stream whatever its id is.
 */

import { type AccountName, customerOf, isOfAsset, namesOf } from './account.js'
import type { CallRequest } from './ask.js'
import { type Customers, RICH } from './customers.js'
import { createRing, type Repeatable } from './memory.js'
import type { Random } from './random.js'
import { createRuleWrites, type RuleWrite } from './rule-writes.js'

/** Carries the key of a published event whose body cannot hold it. */
const KEY_HEADER = 'Chaos-Key'

/** A write to be sent. It is not repeatable when it has no id that would make it count once. */
export type ClientWrite = Repeatable & {
  readonly is_repeatable: boolean
  /** True when the ledger remembers its id for ever; false when only the stream remembers it, for two minutes. */
  readonly is_lasting: boolean
}

const AMOUNT_MAX = 100
/** Larger than any credit, so that balances stay near zero and some debits are refused. */
const DEBIT_MAX = 130
const WITHOUT_ID_SHARE = 0.15
const BATCH_MAX = 6
/** A client takes back its latest few writes, whatever became of them: so few that one is taken back several times, and by more than there is. */
const REVERSIBLE_KEPT = 3
const REVERSIBLE_SHARE = 0.1
/** Larger than 2^53, so it is sent as text; the sum of a thousand still fits into int64. */
const RICH_AMOUNT = 9_007_199_254_740_993n

export type Writes = {
  /** The next write; `wall_ms` is the current wall-clock time, for what ends at a time. */
  readonly next: (wall_ms: number) => ClientWrite
}

/** A kind of write, with its weight in the random choice. */
type Choice = readonly [weight: number, make: (key: string, wall_ms: number) => ClientWrite]

const json = (value: unknown): string => JSON.stringify(value)

const write = (
  question: CallRequest,
  transaction_id: string | undefined,
  is_repeatable: boolean,
): ClientWrite => ({
  question,
  transaction_id,
  is_repeatable,
  is_lasting: is_repeatable && question.kind !== 'raw',
})

/** A credit or a debit for an account: on one of an asset it has to be of schema 2. */
const eventBody = (account: AccountName, type: string, amount: number, key: string): string =>
  json({ ...(isOfAsset(account) ? { schema: 2 } : {}), type, amount, reference: key })

/** More than anybody has. */
const OVERDRAFT = 10 ** 12

/** Bodies that every fold rejects as malformed. */
const badBodies = (key: string): readonly string[] => [
  `no JSON: ${key}`,
  json({ type: 'credit', amount: 0, reference: key }),
  json({ type: 'credit', amount: -5, reference: key }),
  json({ type: 'gift', amount: 5, reference: key }),
  json({ type: 'debit', amount: '1.5', reference: key }),
  json({ type: 'credit', amount: 5, reference: 7 }),
  `{"type":"credit","amount":9007199254740993,"reference":${json(key)}}`,
  json({ schema: 0, type: 'credit', amount: 5, reference: key }),
  json([key]),
]

/** Messages published directly into the stream. A message without an id is sent only once. */
const createRawWrites = (random: Random, customers: Customers) => {
  const raw = (key: string, token: string, body: string): ClientWrite => {
    const id = random.chance(0.5) ? { 'Nats-Msg-Id': `id-${key}` } : {}
    const headers = { [KEY_HEADER]: key, ...id }
    return write(
      { kind: 'raw', subject: `customer.balance.${token}`, body, headers },
      undefined,
      'Nats-Msg-Id' in id,
    )
  }
  const good = (key: string): ClientWrite => {
    const type = random.pick(['credit', 'debit'])
    const account = customers.pick(random)
    return raw(key, account, eventBody(account, type, random.whole(1, AMOUNT_MAX), key))
  }
  const bad = (key: string): ClientWrite => raw(key, customers.pick(random), random.pick(badBodies(key)))
  const ownerless = (key: string): ClientWrite =>
    raw(key, 'two.tokens', json({ type: 'credit', amount: 1, reference: key }))
  const overdraw = (key: string): ClientWrite => {
    const account = customers.pick(random)
    return raw(key, account, eventBody(account, 'debit', OVERDRAFT, key))
  }
  return { raw, good, bad, ownerless, overdraw }
}

/** Commands and events about holds, limits and restrictions. Each command has an id, as a hold needs one. */
const createRuleChoices = (
  random: Random,
  customers: Customers,
  { raw }: ReturnType<typeof createRawWrites>,
): readonly Choice[] => {
  const rules = createRuleWrites(random, customers)
  const command = ({ type, fields }: RuleWrite, key: string): ClientWrite => {
    const transaction_id = `id-${key}`
    const body = json({ ...fields, reference: key, transaction_id })
    return write({ kind: type, subject: `customer.${type}`, body }, transaction_id, true)
  }
  return [
    [10, key => command(rules.hold(`id-${key}`), key)],
    [7, key => command(rules.capture(), key)],
    [6, key => command(rules.release(), key)],
    [3, key => command(rules.limit(), key)],
    [3, (key, wall_ms) => command(rules.restrict(wall_ms), key)],
    [
      1,
      (key, wall_ms) => {
        const { account, body } = rules.heldEvent(`id-${key}`, wall_ms)
        return raw(key, account, json({ ...body, reference: key }))
      },
    ],
    [
      1,
      key => {
        const { account, body } = rules.captureEvent()
        return raw(key, account, json({ ...body, reference: key }))
      },
    ],
  ]
}

/** A credit to the customer whose amounts are larger than the numbers that are exact in JSON. */
const rich = (key: string): ClientWrite => {
  const transaction_id = `id-${key}`
  const body = json({ client_id: RICH, amount: String(RICH_AMOUNT), reference: key, transaction_id })
  return write({ kind: 'credit', subject: 'customer.credit', body }, transaction_id, true)
}

type Sent = { readonly id: string; readonly amount: number }

/** Takes back what one client sent lately; `next` gives nothing before anything was sent. */
const createReversals = (random: Random) => {
  const sent = createRing<Sent>(REVERSIBLE_KEPT)
  return {
    sent: (one: Sent): void => {
      if (random.chance(REVERSIBLE_SHARE)) sent.add(one)
    },
    next: (key: string): ClientWrite | undefined => {
      if (sent.all().length === 0) return undefined
      const { id, amount } = random.pick(sent.all())
      const part = random.chance(0.3) ? {} : { amount: random.whole(1, amount) }
      const body = json({ transaction_id: id, ...part, reversal_id: `id-${key}`, reference: key })
      // only the ledger knows the id under which it is stored: `customer.transaction` cannot be asked for it
      return write({ kind: 'reverse', subject: 'customer.reverse', body }, undefined, true)
    },
  }
}

/** Creates the writes of one client; `prefix` makes its keys and ids different from those of other clients. */
export const createWrites = (random: Random, customers: Customers, prefix: string): Writes => {
  let count = 0

  const reversing = createReversals(random)

  const idOf = (key: string): { readonly transaction_id?: string } =>
    random.chance(WITHOUT_ID_SHARE) ? {} : { transaction_id: `id-${key}` }

  const fieldsOf = (
    type: 'credit' | 'debit' | 'transfer',
    key: string,
  ): Readonly<Record<string, unknown>> & { readonly amount: number } => {
    const amount = random.whole(1, type === 'credit' ? AMOUNT_MAX : DEBIT_MAX)
    if (type !== 'transfer') return { ...namesOf(customers.pick(random)), amount, reference: key }
    const [from, to] = customers.pair(random)
    const { client_id, ...asset } = namesOf(from)
    return { from: client_id, to: customerOf(to), ...asset, amount, reference: key }
  }

  const command = (type: 'credit' | 'debit' | 'transfer', key: string): ClientWrite => {
    const fields = { ...fieldsOf(type, key), ...idOf(key) }
    const { transaction_id } = fields
    if (transaction_id !== undefined) reversing.sent({ id: transaction_id, amount: fields.amount })
    const question = { kind: type, subject: `customer.${type}`, body: json(fields) }
    return write(question, transaction_id, transaction_id !== undefined)
  }

  const batch = (key: string): ClientWrite => {
    const mode = random.pick(['each', 'all'])
    const is_named = random.chance(1 - WITHOUT_ID_SHARE)
    const commands = Array.from({ length: random.whole(2, BATCH_MAX) }, (_, index) => {
      const type = random.pick(['credit', 'credit', 'debit', 'transfer'] as const)
      const own = `${key}.${index}`
      return { type, ...fieldsOf(type, own), ...(is_named ? { transaction_id: `id-${own}` } : {}) }
    })
    const question = { kind: 'batch', subject: 'customer.batch', body: json({ mode, commands }) } as const
    return write(question, is_named ? `id-${key}.0` : undefined, is_named)
  }

  const event = (key: string): ClientWrite => {
    const type = random.pick(['credit', 'debit'])
    const headers = random.chance(0.7) ? { 'Nats-Msg-Id': `id-${key}` } : {}
    const account = customers.pick(random)
    const body = eventBody(account, type, random.whole(1, AMOUNT_MAX), key)
    const subject = `customer.event.${account}`
    return write({ kind: 'event', subject, body, headers }, undefined, 'Nats-Msg-Id' in headers)
  }

  const raw_writes = createRawWrites(random, customers)
  const { good, bad, ownerless, overdraw } = raw_writes
  const choices: readonly Choice[] = [
    [34, key => command('credit', key)],
    [16, key => command('debit', key)],
    [16, key => command('transfer', key)],
    [8, batch],
    [8, key => reversing.next(key) ?? command('credit', key)],
    [8, event],
    [6, good],
    [3, bad],
    [1, ownerless],
    [2, overdraw],
    [2, rich],
    ...createRuleChoices(random, customers, raw_writes),
  ]
  const total = choices.reduce((sum, [weight]) => sum + weight, 0)

  return {
    next: wall_ms => {
      count += 1
      const key = `${prefix}-${count}`
      let left = random.next() * total
      const chosen = choices.find(([weight]) => {
        left -= weight
        return left < 0
      })
      return (chosen ?? choices[0] ?? [0, good])[1](key, wall_ms)
    },
  }
}
