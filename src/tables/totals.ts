/**
 * Reads the totals, over all time and by day. Each is the sum of a few items, so that writers can add at the same time.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { chunksOf } from '../parallel.js'
import type { TableError } from './errors.js'
import { READ_KEYS_MAX, readTrusted, type Trust } from './heads.js'

const NAMES = [
  ...(['customers', 'balance', 'held', 'restricted'] as const),
  ...(['credits', 'credited', 'debits', 'debited', 'declined'] as const),
] as const

/**
 * The numbers of customers, credits, debits and refusals (`declined`), the sum of the balances, and the amounts that were
 * `credited` and `debited`. What is `held`, and how many customers are `restricted`, is as their last events left it.
 */
export type Totals = Readonly<Record<(typeof NAMES)[number], bigint>>

const ZERO: Totals = {
  customers: 0n,
  balance: 0n,
  held: 0n,
  restricted: 0n,
  credits: 0n,
  credited: 0n,
  debits: 0n,
  debited: 0n,
  declined: 0n,
}

const Item = fieldsOf(
  { id: t.string },
  {
    customers: t.bigint,
    balance: t.bigint,
    held: t.bigint,
    restricted: t.bigint,
    credits: t.bigint,
    credited: t.bigint,
    debits: t.bigint,
    debited: t.bigint,
    declined: t.bigint,
  },
)
type Item = t.TypeOf<typeof Item>

/** A sentence for sums that may be wrong: an item was changed by hand, and the sums may have been changed with it. */
export const sumsDoubted = (table: string, reason: string): string =>
  `the sums of ${table} may be wrong: ${reason}; "jetledger replay" makes them anew`

const decode = (raw: unknown): E.Either<TableError, Item> =>
  pipe(
    Item.decode(raw),
    E.mapLeft(errors => ({ tag: 'Unexpected', message: `an item of the totals: ${describeErrors(errors)}` })),
  )

const add = (sum: Totals, item: Item): Totals => {
  const added = Object.fromEntries(NAMES.map(name => [name, sum[name] + (item[name] ?? 0n)]))
  return { ...ZERO, ...added }
}

/**
 * The number of items that hold one sum, `<key>:0` to `<key>:3`, so that several transactions can add to it at once; a
 * reader adds them up (docs/adr/0003). The projection runner writes in as many lanes. The number may grow, but never shrink.
 */
export const SUM_LANES = 4

/** The key of the sums over all time, of an asset; undefined is the default one. */
export const allKey = (asset: string | undefined): string => (asset === undefined ? '=all' : `=all:${asset}`)

/** The key of the sums of a day, such as `2026-11-21`, of an asset. */
export const dayKey = (day: string, asset: string | undefined): string =>
  asset === undefined ? `=day:${day}` : `=day:${day}:${asset}`

const SUM_ID = /^(=(?:all|day:\d{4}-\d\d-\d\d)(?::[A-Z][A-Z0-9]{0,15})?):\d+$/

/** The key of the sum of which an item is one part; undefined for the id of any other item. */
export const sumKeyOf = (id: string): string | undefined => SUM_ID.exec(id)?.[1]

/**
 * Reads the totals of keys (`allKey`, `dayKey`), strongly consistent; zeros for a key without items. `NotOurs` when
 * `trust` rejects the table's identity, and when the sums are in doubt.
 */
export const readTotals = (
  client: DynamoDBDocumentClient,
  table: string,
  keys: readonly string[],
  trust: Trust,
): TaskEither<TableError, ReadonlyMap<string, Totals>> => {
  const ids = keys.flatMap(key => Array.from({ length: SUM_LANES }, (_, lane) => `${key}:${lane}`))
  return pipe(
    TE.traverseSeqArray((page: string[]) => readTrusted(client, table, page, trust))(
      chunksOf(READ_KEYS_MAX, ids),
    ),
    TE.chainEitherK(pages => {
      const doubt = pages.find(({ identity }) => identity?.sums_doubt !== undefined)?.identity?.sums_doubt
      return doubt === undefined
        ? E.traverseArray(decode)(pages.flatMap(({ items }) => items))
        : E.left<TableError, Item[]>({ tag: 'NotOurs', message: sumsDoubted(table, doubt) })
    }),
    TE.map(items => {
      const sums = new Map<string, Totals>(keys.map(key => [key, ZERO]))
      for (const item of items) {
        const key = item.id.slice(0, item.id.lastIndexOf(':'))
        sums.set(key, add(sums.get(key) ?? ZERO, item))
      }
      return sums
    }),
  )
}
