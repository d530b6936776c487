/**
 * Makes opening credits of the predecessor's table, which has one item per customer with its id and its balance
 * (docs/migrate.md). Each credit has the same transaction id in every run, so a balance is brought over once.
 */

import { createHash } from 'node:crypto'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { type BackOff, pause } from '../../back-off.js'
import { E, type Either, type TaskEither } from '../../fp.js'
import { Failure, failureOf } from '../../process/failure.js'
import type { RawItem } from '../../tables/batch-get.js'
import type { TableError } from '../../tables/errors.js'
import { readIdentity } from '../../tables/identity.js'
import { type RawPage, scanRaw } from '../../tables/raw-items.js'
import type { Chunk } from './chunks.js'
import { type CommandRow, malformed, type Reject, rowFrom } from './rows.js'

/** The predecessor's table, and its attributes. */
export type OldTable = {
  readonly name: string
  readonly id_attribute: string
  readonly balance_attribute: string
}

const REFERENCE = 'opening balance'
/** A longer name is replaced by a digest of it, so that every transaction id is short enough. */
const NAME_CHARS_MAX = 50
const DIGEST_CHARS = 32

const CHUNK_ROWS = 16_000

const TRIES_MAX = 6
const BETWEEN_TRIES: BackOff = { first_ms: 100, max_ms: 5_000 }

/** What an item becomes; undefined for a customer without money, who needs no event. */
type Opening = Either<Reject, CommandRow> | undefined

const WHOLE = /^-?\d+$/

/** The text of an attribute as a rejects file shows it. */
const shown = (value: RawItem[string] | undefined): string =>
  value === undefined ? '' : (value.S ?? value.N ?? JSON.stringify(value))

const openingOf = (item: RawItem, row: number, table: OldTable): Opening => {
  const { [table.id_attribute]: id, [table.balance_attribute]: balance } = item
  const original = [shown(id), shown(balance)]
  const refused = (message: string): Opening => malformed({ row, original }, message)
  if (id?.S === undefined) return refused(`the attribute ${table.id_attribute} is no text`)
  if (balance?.N === undefined || !WHOLE.test(balance.N))
    return refused(`the attribute ${table.balance_attribute} is no whole number`)
  if (BigInt(balance.N) === 0n) return undefined
  if (balance.N.startsWith('-')) return refused('a negative balance cannot be an opening credit')
  const name =
    table.name.length <= NAME_CHARS_MAX
      ? table.name
      : createHash('sha256').update(table.name).digest('hex').slice(0, DIGEST_CHARS)
  const transaction_id = `opening:${name}:${id.S}`
  const fields = { type: 'credit', client_id: id.S, amount: balance.N, reference: REFERENCE }
  return rowFrom({ row, original, fields, own_id: transaction_id })
}

/** Reads from the table, and again while it is busy. Throws `Failure`. */
const read = async <A>(task: TaskEither<TableError, A>): Promise<A> => {
  const { signal } = new AbortController()
  for (let tries = 1; ; tries += 1) {
    const result = await task()
    if (E.isRight(result)) return result.right
    if (result.left.tag !== 'TryAgain' || tries === TRIES_MAX) throw failureOf(result.left)
    await pause(BETWEEN_TRIES, tries, signal)
  }
}

const refuse = (text: string): never => {
  throw new Failure(text, { exit_code: 2 })
}

/** Throws `Failure` for a table that is not there, or that a ledger made: its balances are events already. */
const checkForeign = async (
  tables: DynamoDBDocumentClient,
  name: string,
  own_base: string,
): Promise<void> => {
  const ours = `the table ${name} is one of a ledger of Jetledger: its balances are in a stream already`
  if (name === own_base) refuse(ours)
  const found = await readIdentity(tables, name)()
  if (E.isRight(found) && found.right !== undefined) refuse(ours)
  if (E.isLeft(found) && found.left.tag === 'NotFound') refuse(`there is no table ${name} here`)
}

/**
 * The opening credits in chunks. `own_base` is the base name of the ledger's own tables. Throws `Failure` for a table that
 * cannot be read or is a ledger's own.
 */
export async function* openingChunks(
  tables: DynamoDBDocumentClient,
  table: OldTable,
  own_base: string,
): AsyncIterable<Chunk> {
  await checkForeign(tables, table.name, own_base)
  const heading = [table.id_attribute, table.balance_attribute]
  let [commands, rejects]: [CommandRow[], Reject[]] = [[], []]
  let row = 0
  let from: RawItem | undefined
  do {
    const page: RawPage = await read(scanRaw(tables, table.name, from))
    for (const item of page.items) {
      row += 1
      const opening = openingOf(item, row, table)
      if (opening === undefined) continue
      if (E.isRight(opening)) commands.push(opening.right)
      else rejects.push(opening.left)
    }
    from = page.next
    if (commands.length + rejects.length >= CHUNK_ROWS) {
      yield { commands, rejects, heading }
      ;[commands, rejects] = [[], []]
    }
  } while (from !== undefined)
  yield { commands, rejects, heading }
}
