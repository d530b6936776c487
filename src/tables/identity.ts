/**
 * The identity of a projection's table: one item that says which table it is, from which stream it was folded, and how
 * far (docs/adr/0026).
 *
 * A table that was deleted and made again, emptied, or restored from a backup looks like any other table. Its identity
 * shows the difference: it is missing, names another table or another stream, or is behind the projection's
 * acknowledgements. The projection writes the identity in its own transactions, before it acknowledges an event. So the
 * identity is never behind the acknowledgements, unless the table was changed from outside.
 */

import { randomUUID } from 'node:crypto'
import { type DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { fieldsOf } from '../ledger/codec.js'
import { type TableError, tryTable } from './errors.js'
import { whole } from './whole.js'

/** The key of the item. Its blank keeps it apart from client ids and transaction ids, which hold none. */
export const IDENTITY_ID = 'table identity'

/** The newest event in a table, with a checksum to recognise it again; sequence 0 and an empty checksum for no event. */
type Newest = { readonly seq: number; readonly checksum: string; readonly at_ms: number }

const NO_EVENT: Newest = { seq: 0, checksum: '', at_ms: 0 }

export type Identity = {
  /** A random id, new each time the table is begun again from the stream's first event. */
  readonly epoch: string
  /** `emptying`: the items of an earlier epoch are being removed, and nothing in the table counts. */
  readonly state: 'emptying' | 'filling'
  /** DynamoDB's own id of the table. A later table of the same name has another one. */
  readonly table_id: string
  /** The origin of the stream as JSON text, without its newest event. */
  readonly stream: string
  readonly newest: Newest
  /** When `newest` has reached this sequence, the table holds everything that the stream held when the epoch began. */
  readonly whole_from_seq: number
  /** The reason why the table was begun again; undefined the first time. */
  readonly reason?: string | undefined
  /** Why the sums of this epoch may be wrong; undefined while nothing speaks against them. */
  readonly sums_doubt?: string | undefined
  /** Which events have rows in this epoch (savepoints.ts); undefined: every event. */
  readonly journal?: 'savepoints' | undefined
}

const Item = fieldsOf(
  {
    epoch: t.string,
    state: t.keyof({ emptying: null, filling: null }),
    table_id: t.string,
    stream: t.string,
    newest_seq: whole,
    newest_checksum: t.string,
    newest_at_ms: whole,
    whole_from_seq: whole,
  },
  { reason: t.string, sums_doubt: t.string, journal: t.literal('savepoints') },
)

/** Decodes an item as an identity; undefined when the item is missing or unreadable. */
const decodeIdentity = (raw: unknown): Identity | undefined =>
  pipe(
    Item.decode(raw),
    E.map(({ newest_seq, newest_checksum, newest_at_ms, ...rest }) => ({
      epoch: rest.epoch,
      state: rest.state,
      table_id: rest.table_id,
      stream: rest.stream,
      newest: { seq: newest_seq, checksum: newest_checksum, at_ms: newest_at_ms },
      whole_from_seq: rest.whole_from_seq,
      reason: rest.reason,
      sums_doubt: rest.sums_doubt,
      journal: rest.journal,
    })),
    E.getOrElseW(() => undefined),
  )

const itemOf = ({ newest, ...rest }: Identity) => ({
  id: IDENTITY_ID,
  ...rest,
  newest_seq: newest.seq,
  newest_checksum: newest.checksum,
  newest_at_ms: newest.at_ms,
})

const isIdentity = (raw: unknown): boolean =>
  typeof raw === 'object' && raw !== null && 'id' in raw && raw.id === IDENTITY_ID

/** Separates the identity from the items that were read with it. */
export const splitIdentity = (
  raws: readonly unknown[],
): { readonly identity: Identity | undefined; readonly others: readonly unknown[] } => ({
  identity: decodeIdentity(raws.find(isIdentity)),
  others: raws.filter(raw => !isIdentity(raw)),
})

/** Reads the table's identity, strongly consistent; undefined when there is none. */
export const readIdentity = (
  client: DynamoDBDocumentClient,
  table: string,
): TaskEither<TableError, Identity | undefined> =>
  pipe(
    tryTable(`identity of ${table}`, () =>
      client.send(new GetCommand({ TableName: table, Key: { id: IDENTITY_ID }, ConsistentRead: true })),
    ),
    TE.map(({ Item: raw }) => decodeIdentity(raw)),
  )

/** The fields that the caller gives for the identity of a new epoch. */
export type Beginning = Pick<Identity, 'table_id' | 'stream' | 'whole_from_seq' | 'reason' | 'journal'> & {
  readonly state?: Identity['state']
}

const putIdentity = (
  client: DynamoDBDocumentClient,
  table: string,
  identity: Identity,
  condition: Readonly<Record<string, unknown>>,
): TaskEither<TableError, Identity> =>
  pipe(
    tryTable(`begin ${table} again`, () =>
      client.send(new PutCommand({ TableName: table, Item: itemOf(identity), ...condition })),
    ),
    TE.map(() => identity),
  )

/**
 * Begins a new epoch of a table if its identity is still `before`; `ConditionFailed` when another instance was faster.
 * From then on readers do not trust the table's items, and progress of the epoch before can no longer be noted.
 */
export const beginEpoch = (
  client: DynamoDBDocumentClient,
  table: string,
  before: Identity | undefined,
  { state = 'emptying', ...beginning }: Beginning,
): TaskEither<TableError, Identity> => {
  const identity: Identity = { ...beginning, epoch: randomUUID(), state, newest: NO_EVENT }
  const condition =
    before === undefined
      ? { ConditionExpression: 'attribute_not_exists(id)' }
      : {
          ConditionExpression: 'epoch = :epoch',
          ExpressionAttributeValues: { ':epoch': before.epoch },
        }
  return pipe(
    putIdentity(client, table, identity, condition),
    TE.orElse(error =>
      error.tag === 'ConditionFailed' ? putUnlessTaken(client, table, identity, error) : TE.left(error),
    ),
  )
}

/**
 * Looks why an identity could not be put. If it is there already, only the answer to an earlier try was lost. An
 * unreadable item, which a person must have written by hand, is replaced. If another instance's identity is there, the
 * error is `conflict`.
 */
const putUnlessTaken = (
  client: DynamoDBDocumentClient,
  table: string,
  identity: Identity,
  conflict: TableError,
): TaskEither<TableError, Identity> =>
  pipe(
    readIdentity(client, table),
    TE.chain((found): TaskEither<TableError, Identity> => {
      if (found === undefined) return putIdentity(client, table, identity, {})
      return found.epoch === identity.epoch ? TE.right(identity) : TE.left(conflict)
    }),
  )

/** Sets one attribute of the identity; `ConditionFailed` in another epoch than `epoch`. */
const setAttribute = (
  client: DynamoDBDocumentClient,
  table: string,
  epoch: string,
  name: 'state' | 'stream' | 'sums_doubt',
  value: string,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`identity of ${table}`, () =>
      client.send(
        new UpdateCommand({
          TableName: table,
          Key: { id: IDENTITY_ID },
          UpdateExpression: 'SET #name = :value',
          ConditionExpression: 'epoch = :epoch',
          ExpressionAttributeNames: { '#name': name },
          ExpressionAttributeValues: { ':value': value, ':epoch': epoch },
        }),
      ),
    ),
    TE.map(() => undefined),
  )

/** Notes that the table is empty now and may be filled; `ConditionFailed` in another epoch. */
export const startFilling = (
  client: DynamoDBDocumentClient,
  table: string,
  { epoch }: Identity,
): TaskEither<TableError, void> => setAttribute(client, table, epoch, 'state', 'filling')

/**
 * Notes a more exact origin of the table's stream: with its first event, or with its new time after a restore.
 * `ConditionFailed` in another epoch.
 */
export const noteStream = (
  client: DynamoDBDocumentClient,
  table: string,
  { epoch }: Identity,
  stream: string,
): TaskEither<TableError, void> => setAttribute(client, table, epoch, 'stream', stream)

/**
 * Notes that the sums of this epoch may be wrong, and why; a later reason takes the place of an earlier one.
 * `ConditionFailed` in another epoch.
 */
export const noteSumsDoubt = (
  client: DynamoDBDocumentClient,
  table: string,
  epoch: string,
  reason: string,
): TaskEither<TableError, void> => setAttribute(client, table, epoch, 'sums_doubt', reason)

/**
 * The progress that a transaction notes in the table's identity. `from_seq` is the progress before it: a table that is
 * behind `from_seq` was set back to an older state.
 */
export type ProgressMark = { readonly epoch: string; readonly from_seq: number; readonly newest: Newest }

/** The update that notes a mark, as a part of a transaction. It fails in another epoch, and when the mark would go back. */
export const markUpdate = (table: string, { epoch, from_seq, newest }: ProgressMark) => ({
  TableName: table,
  Key: { id: IDENTITY_ID },
  UpdateExpression: 'SET newest_seq = :seq, newest_checksum = :checksum, newest_at_ms = :at_ms',
  ConditionExpression: 'epoch = :epoch AND #state = :filling AND newest_seq BETWEEN :from AND :seq',
  ExpressionAttributeNames: { '#state': 'state' },
  ExpressionAttributeValues: {
    ':epoch': epoch,
    ':filling': 'filling',
    ':from': from_seq,
    ':seq': newest.seq,
    ':checksum': newest.checksum,
    ':at_ms': newest.at_ms,
  },
})

/** The condition that the table is still being emptied in this epoch, as a part of a transaction that empties it. */
export const emptyingCheck = (table: string, { epoch }: Identity) => ({
  TableName: table,
  Key: { id: IDENTITY_ID },
  ConditionExpression: 'epoch = :epoch AND #state = :emptying',
  ExpressionAttributeNames: { '#state': 'state' },
  ExpressionAttributeValues: { ':epoch': epoch, ':emptying': 'emptying' },
})

/** Whether a mark that could not be noted was overtaken: the table is in the same epoch, and already folded as far. */
const isOvertaken = (found: Identity | undefined, { epoch, newest }: ProgressMark): boolean =>
  found !== undefined && found.epoch === epoch && found.state === 'filling' && found.newest.seq >= newest.seq

/** Notes a mark when there is nothing else to write. `NotOurs` when the table is in another epoch or was set back. */
export const noteMark = (
  client: DynamoDBDocumentClient,
  table: string,
  mark: ProgressMark,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`identity of ${table}`, () => client.send(new UpdateCommand(markUpdate(table, mark)))),
    TE.map(() => undefined),
    TE.orElse(error =>
      error.tag === 'ConditionFailed' ? unlessOvertaken(client, table, mark) : TE.left(error),
    ),
  )

/** Succeeds when the mark was overtaken, which is harmless; else `NotOurs`. */
export const unlessOvertaken = (
  client: DynamoDBDocumentClient,
  table: string,
  mark: ProgressMark,
): TaskEither<TableError, void> =>
  pipe(
    readIdentity(client, table),
    TE.chain(found => (isOvertaken(found, mark) ? TE.right(undefined) : TE.left(notOurs(table)))),
  )

/** The error when a table is not the same any more: it was emptied, restored, or begun again. */
export const notOurs = (table: string): TableError => ({
  tag: 'NotOurs',
  message: `the table ${table} is not what it was: it was emptied, restored, or begun again`,
})
