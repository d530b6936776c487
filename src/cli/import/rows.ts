/**
 * Makes commands of the rows of a file. The fields of a row are the fields of a command, checked by the same codecs as the
 * service has; a row that they do not accept is never sent.
 */

import { E, type Either } from '../../fp.js'
import { isJsonObject, type JsonObject, readStrictJson, shownName } from '../../json.js'
import { toJson } from '../../ledger/amount.js'
import { accountFields, customersOfCommand, decodeCommand, type PlainCommand } from '../../ledger/command.js'
import { Failure } from '../../process/failure.js'
import type { TextRecord } from './records.js'

/** A command that is ready to be sent. `original` is what the row holds, for the rejects. */
export type CommandRow = {
  readonly row: number
  readonly original: readonly string[]
  readonly customers: readonly string[]
  /** The command as JSON, with its transaction id. */
  readonly json: string
}

/** A row that is not carried out, and why. */
export type Reject = {
  readonly row: number
  readonly original: readonly string[]
  readonly code: string
  readonly message: string
}

/** How the person who imports wants the columns to be read. */
export type Reading = {
  /** The columns of the file by the field that they hold, where their names differ. */
  readonly columns: ReadonlyMap<string, string>
  readonly ignored: ReadonlySet<string>
  /** The type of all commands, for a file that does not say it. */
  readonly type?: PlainCommand['type'] | undefined
}

/** Makes a command of a record, or the reason why it is none. */
export type RowDecoder = (record: TextRecord, row: number) => Either<Reject, CommandRow>

const METADATA = 'metadata.'
const FIELDS = ['type', 'client_id', 'from', 'to', 'amount', 'asset', 'transaction_id', 'reference'] as const
const TYPES: readonly string[] = ['credit', 'debit', 'transfer'] satisfies readonly PlainCommand['type'][]
const REPLACEMENT = '\ufffd'

const isType = (u: unknown): u is PlainCommand['type'] => typeof u === 'string' && TYPES.includes(u)

/** A whole number that JSON keeps exactly; the service decodes a number faster than a text of digits. */
const SMALL_WHOLE = /^[1-9]\d{0,14}$/
const amountFrom = (u: unknown): unknown => (typeof u === 'string' && SMALL_WHOLE.test(u) ? Number(u) : u)

const jsonOf = (command: PlainCommand): string => {
  const { type, amount, transaction_id, reference, metadata } = command
  return JSON.stringify({
    type,
    ...accountFields(command),
    amount: toJson(amount),
    transaction_id,
    reference,
    metadata,
  })
}

/** What a row of a file or an item of a table holds, before it is checked. */
type Taken = Pick<Reject, 'row' | 'original'> & { readonly fields: JsonObject; readonly own_id: string }

const commandOf = ({ type, ...fields }: JsonObject, own_id: string): Either<string, PlainCommand> => {
  if (!isType(type)) return E.left('type: must be "credit", "debit" or "transfer"')
  return decodeCommand(type, { ...fields, amount: amountFrom(fields.amount) }, own_id) as Either<
    string,
    PlainCommand
  >
}

export const malformed = (
  { row, original }: Pick<Reject, 'row' | 'original'>,
  message: string,
): Either<Reject, never> => E.left({ row, original, code: 'MALFORMED', message })

/** Makes the command of a row. One without a transaction id gets `own_id`. */
export const rowFrom = ({ row, original, fields, own_id }: Taken): Either<Reject, CommandRow> => {
  const command = commandOf(fields, own_id)
  if (E.isLeft(command)) return malformed({ row, original }, command.left)
  const customers = customersOfCommand(command.right)
  return E.right({ row, original, customers, json: jsonOf(command.right) })
}

const decoderOf =
  (
    digest: string,
    { type }: Reading,
    fieldsOf: (fields: readonly string[]) => Either<string, JsonObject>,
  ): RowDecoder =>
  (record, row) => {
    const original = record.tag === 'fields' ? record.fields : [record.text]
    if (record.tag === 'broken') return malformed({ row, original }, record.why)
    if (original.some(field => field.includes(REPLACEMENT)))
      return malformed({ row, original }, 'the row is not UTF-8')
    const read = fieldsOf(record.fields)
    if (E.isLeft(read)) return malformed({ row, original }, read.left)
    const fields = type === undefined ? read.right : { type, ...read.right }
    return rowFrom({ row, original, fields, own_id: `${digest}:${row}` })
  }

/** Throws a `Failure`: the columns cannot be what was asked for. */
const refuse = (text: string): never => {
  throw new Failure(text, { exit_code: 2 })
}

/** The field that each column of a heading holds; undefined for an ignored one. */
const fieldsOfHeading = (heading: readonly string[], { columns, ignored }: Reading) => {
  const field_of = new Map([...columns].map(([field, column]) => [column, field]))
  return heading.map(column => {
    const field = field_of.get(column) ?? (ignored.has(column) || columns.has(column) ? undefined : column)
    const is_known = field === undefined || field.startsWith(METADATA) || FIELDS.some(name => name === field)
    if (is_known) return field
    return refuse(
      `the column ${shownName(column)} is unknown: name its field (--map <field>=<column>) or ignore it (--ignore <column>); fields are ${FIELDS.join(', ')} and metadata.<key>`,
    )
  })
}

const checkHeading = (
  heading: readonly string[],
  names: readonly (string | undefined)[],
  { type, columns }: Reading,
): void => {
  const has = (field: string): boolean => names.includes(field)
  const absent = [...columns.values()].find(column => !heading.includes(column))
  if (absent !== undefined) refuse(`there is no column ${shownName(absent)}, which --map names`)
  const twice = names.find((name, at) => name !== undefined && names.indexOf(name) !== at)
  if (twice !== undefined) refuse(`two columns hold ${shownName(twice)}`)
  const missing = [
    ...(has('type') || type !== undefined ? [] : ['type (or say --type)']),
    ...(has('amount') ? [] : ['amount']),
    ...(has('client_id') || (has('from') && has('to')) ? [] : ['client_id, or from and to']),
  ]
  if (missing.length > 0) refuse(`the heading lacks the columns ${missing.join('; ')}`)
}

/** Makes the decoder for the rows under a heading of CSV. Throws `Failure` when columns are missing or unknown. */
export const csvDecoder = (heading: readonly string[], digest: string, reading: Reading): RowDecoder => {
  const names = fieldsOfHeading(heading, reading)
  checkHeading(heading, names, reading)
  return decoderOf(digest, reading, fields => {
    if (fields.length !== names.length)
      return E.left(`the row has ${fields.length} fields, and the heading ${names.length}`)
    const command: [string, string][] = []
    const metadata: [string, string][] = []
    for (const [at, name] of names.entries()) {
      const field = fields[at]
      if (name === undefined || field === undefined || field === '') continue
      if (name.startsWith(METADATA)) metadata.push([name.slice(METADATA.length), field])
      else command.push([name, field])
    }
    if (metadata.length > 0)
      return E.right({ ...Object.fromEntries(command), metadata: Object.fromEntries(metadata) })
    return E.right(Object.fromEntries(command))
  })
}

/** Makes the decoder of JSON lines, each of which is one command. */
export const jsonDecoder = (digest: string, reading: Reading): RowDecoder => {
  const field_of = new Map([...reading.columns].map(([field, column]) => [column, field]))
  return decoderOf(digest, reading, ([line = '']) => {
    const read = readStrictJson(line)
    if (E.isLeft(read)) return E.left(read.left.message)
    if (!isJsonObject(read.right)) return E.left('the line is no JSON object')
    const fields = Object.entries(read.right).filter(([name]) => !reading.ignored.has(name))
    return E.right(Object.fromEntries(fields.map(([name, value]) => [field_of.get(name) ?? name, value])))
  })
}
