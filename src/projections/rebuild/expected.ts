/**
 * Records what a table that is being filled has to hold (every customer's head, the number of rows, every sum), and
 * compares that with the table before readers are sent there.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E, run } from '../../fp.js'
import { isSameAccount } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Customer } from '../../ledger/fold.js'
import { rulesText } from '../../ledger/rules-text.js'
import { decodeHead } from '../../tables/heads.js'
import { isRowId } from '../../tables/journal-ids.js'
import { type Page, scanPage } from '../../tables/scan.js'
import { sumKeyOf } from '../../tables/totals.js'
import type { Part, Pending } from '../pending.js'
import { persist } from '../persist.js'
import type { Target } from '../target.js'
import { ReplayError } from './replay-error.js'

/** The content of a table. `countRows` and `countSums` keep it from the fold, and `readTable` reads it from the table. */
export type TableContent = {
  readonly customers: Map<AccountId, Customer>
  /** The sums by their key without the lane, for example `all` -> credited -> 500. */
  readonly sums: Map<string, Record<string, bigint>>
  rows: number
  /** The number of rows since the last checkpoint. */
  unwritten_rows: number
}

const addTo = (
  sums: Map<string, Record<string, bigint>>,
  key: string,
  numbers: Readonly<Record<string, bigint>>,
): void => {
  let sum = sums.get(key)
  if (sum === undefined) {
    sum = {}
    sums.set(key, sum)
  }
  for (const name in numbers) sum[name] = (sum[name] ?? 0n) + (numbers[name] ?? 0n)
}

/** Wraps `pending`, and adds the rows that pass through it to `expected`. */
export const countRows = (pending: Pending, expected: TableContent): Pending => ({
  levels: pending.levels,
  add: effects => {
    for (const { inserts } of effects) {
      expected.rows += inserts.length
      expected.unwritten_rows += inserts.length
    }
    pending.add(effects)
  },
})

/** Adds the sums of what is about to be written to `expected`. */
export const countSums = (levels: readonly (readonly Part[])[], expected: TableContent): void => {
  for (const { additions } of levels.flat())
    for (const [key, numbers] of additions) addTo(expected.sums, key, numbers)
}

const isObject = (raw: unknown): raw is Readonly<Record<string, unknown>> =>
  typeof raw === 'object' && raw !== null

const numbersOf = (item: Readonly<Record<string, unknown>>): Record<string, bigint> =>
  Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (typeof value === 'bigint' ? [[name, value]] : [])),
  )

const addItem = (table: string, item: unknown, found: TableContent): void => {
  const id = isObject(item) ? String(item.id) : ''
  const sum = sumKeyOf(id)
  if (isRowId(id)) found.rows += 1
  else if (sum !== undefined && isObject(item)) addTo(found.sums, sum, numbersOf(item))
  else {
    const head = decodeHead(item)
    if (E.isLeft(head)) throw new ReplayError(`${table}: ${head.left.message}`)
    found.customers.set(head.right.id, head.right.customer)
  }
}

/** Reads everything that a table holds. Throws `Failed`, and an error when the table holds an item that is not ours. */
export const readTable = async (
  client: DynamoDBDocumentClient,
  { table }: Pick<Target, 'table'>,
  signal: AbortSignal,
): Promise<TableContent> => {
  const found: TableContent = { customers: new Map(), sums: new Map(), rows: 0, unwritten_rows: 0 }
  let next: Page['next']
  do {
    const page = await persist(() => run(scanPage(client, table, next)), signal)
    for (const item of page.items) addItem(table, item, found)
    next = page.next
  } while (next !== undefined)
  return found
}

const isSame = (a: Customer | undefined, b: Customer): boolean =>
  a !== undefined && isSameAccount(a.account, b.account) && a.parked?.last_seq === b.parked?.last_seq

const show = ({ account: { balance, version, seq, rules } }: Customer): string =>
  `balance ${balance}, version ${version}, seq ${seq}${rules === undefined ? '' : `, rules ${rulesText(rules)}`}`

const DIFFERENCES_MAX = 10

const customersThatDiffer = (expected: TableContent, found: TableContent): string[] => {
  const differences: string[] = []
  for (const [id, customer] of expected.customers) {
    if (differences.length === DIFFERENCES_MAX) break
    const item = found.customers.get(id)
    if (isSame(item, customer)) continue
    const is = item === undefined ? 'missing' : show(item)
    differences.push(`${id} should be ${show(customer)}, but is ${is}`)
  }
  return differences
}

const sumsThatDiffer = (expected: TableContent, found: TableContent): string[] =>
  [...expected.sums].flatMap(([key, numbers]) =>
    Object.entries(numbers).flatMap(([name, value]) => {
      const is = found.sums.get(key)?.[name] ?? 0n
      return is === value ? [] : [`${key}: ${name} should be ${value}, but is ${is}`]
    }),
  )

const countsThatDiffer = (expected: TableContent, found: TableContent): string[] => [
  ...(found.customers.size === expected.customers.size
    ? []
    : [`${found.customers.size} customers instead of ${expected.customers.size}`]),
  ...(found.rows === expected.rows ? [] : [`${found.rows} rows instead of ${expected.rows}`]),
]

/** Returns the first differences between the expected and the found content, 10 at the most, in sentences. */
export const compare = (expected: TableContent, found: TableContent): string[] =>
  [
    ...customersThatDiffer(expected, found),
    ...countsThatDiffer(expected, found),
    ...sumsThatDiffer(expected, found),
  ].slice(0, DIFFERENCES_MAX)
