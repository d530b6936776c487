/**
 * What a table that is being filled has to hold: every customer's head, how many rows, every sum. It is compared with
 * the table before anybody is sent there.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { E } from '../../fp.js'
import { ClientId } from '../../ledger/client-id.js'
import type { Customer } from '../../ledger/fold.js'
import { decodeHead, type HeadShape } from '../../tables/heads.js'
import { scanWhole } from '../../tables/scan.js'
import type { Pending } from '../pending.js'
import type { Target } from '../target.js'

export type Expected = {
  readonly customers: Map<ClientId, Customer>
  /** By sum, without the lane: `all` -> credited -> 500. */
  readonly sums: Map<string, Record<string, bigint>>
  rows: number
  unwritten_rows: number
}

const SUM = /^((?:all|day:[\d-]+)):\d+$/

const addTo = (
  sums: Map<string, Record<string, bigint>>,
  key: string,
  numbers: Readonly<Record<string, bigint>>,
): void => {
  const sum = sums.get(key) ?? {}
  for (const [name, by] of Object.entries(numbers)) sum[name] = (sum[name] ?? 0n) + by
  sums.set(key, sum)
}

/** A pending that counts what passes through it. */
export const countRows = (pending: Pending, expected: Expected): Pending => ({
  levels: pending.levels,
  add: effects => {
    for (const { inserts, additions } of effects) {
      expected.rows += inserts.length
      expected.unwritten_rows += inserts.length
      for (const [key, numbers] of additions) addTo(expected.sums, key, numbers)
    }
    pending.add(effects)
  },
})

const isObject = (raw: unknown): raw is Readonly<Record<string, unknown>> =>
  typeof raw === 'object' && raw !== null

const numbersOf = (item: Readonly<Record<string, unknown>>): Record<string, bigint> =>
  Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (typeof value === 'bigint' ? [[name, value]] : [])),
  )

const isHead = (id: string, { prefix }: HeadShape): boolean => id.startsWith(prefix)

/** Everything that a table holds. Throws what the SDK throws, and for an item that is none of ours. */
export const readTable = async (
  client: DynamoDBDocumentClient,
  { table, projection: { head, fold } }: Pick<Target, 'table' | 'projection'>,
): Promise<Expected> => {
  const found: Expected = { customers: new Map(), sums: new Map(), rows: 0, unwritten_rows: 0 }
  for await (const items of scanWhole(client, table)) {
    for (const item of items) {
      const id = isObject(item) ? String(item.id) : ''
      const sum = fold === undefined ? undefined : SUM.exec(id)?.[1]
      if (isHead(id, head)) {
        const decoded = decodeHead(head, item)
        if (E.isLeft(decoded)) throw new Error(decoded.left.message)
        const client_id = ClientId.decode(decoded.right.id)
        if (E.isLeft(client_id)) throw new Error(`${table} holds an item that is no customer's: ${id}`)
        found.customers.set(client_id.right, decoded.right.customer)
      } else if (sum !== undefined && isObject(item) && item.seq === undefined) {
        addTo(found.sums, sum, numbersOf(item))
      } else found.rows += 1
    }
  }
  return found
}

const isSame = (a: Customer | undefined, b: Customer): boolean =>
  a !== undefined &&
  a.account.balance === b.account.balance &&
  a.account.version === b.account.version &&
  a.account.seq === b.account.seq &&
  a.parked?.last_seq === b.parked?.last_seq

const show = ({ account: { balance, version, seq } }: Customer): string =>
  `balance ${balance}, version ${version}, seq ${seq}`

const DIFFERENCES_MAX = 10

/** The first differences between what a table should hold and what it holds, in sentences. */
export const compare = (expected: Expected, found: Expected): string[] => {
  const differences: string[] = []
  for (const [id, customer] of expected.customers) {
    const item = found.customers.get(id)
    if (!isSame(item, customer))
      differences.push(
        `${id} should be ${show(customer)}, but is ${item === undefined ? 'missing' : show(item)}`,
      )
    if (differences.length === DIFFERENCES_MAX) return differences
  }
  if (found.customers.size !== expected.customers.size)
    differences.push(`${found.customers.size} customers instead of ${expected.customers.size}`)
  if (found.rows !== expected.rows) differences.push(`${found.rows} rows instead of ${expected.rows}`)
  for (const [key, numbers] of expected.sums) {
    for (const [name, value] of Object.entries(numbers)) {
      const is = found.sums.get(key)?.[name] ?? 0n
      if (is !== value) differences.push(`${key}: ${name} should be ${value}, but is ${is}`)
    }
  }
  return differences.slice(0, DIFFERENCES_MAX)
}
