/**
 * What a projection's table says of itself, in one item beside the others: which table it is, which stream it was folded
 * from, and how far (docs/adr/0026).
 *
 * A table that was deleted and made anew, emptied, or restored from a backup looks like any other table. Its identity
 * tells: it is missing, names another table or another stream, or is behind what the projection had acknowledged. The
 * identity is written in the transactions of the projection itself, before an event is acknowledged, so it is never
 * behind the acknowledgements of a table that was left alone.
 */

import { randomUUID } from 'node:crypto'
import { type DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { fieldsOf } from '../ledger/codec.js'
import { type TableError, tryTable } from './errors.js'
import { whole } from './whole.js'

/** The item's key. It holds a blank, which neither a client id nor a transaction id may hold. */
export const IDENTITY_ID = 'table identity'

/** The event up to which a table is folded, as it can be recognised again; sequence 0 and no checksum for none. */
type Newest = { readonly seq: number; readonly checksum: string; readonly at_ms: number }

const NO_EVENT: Newest = { seq: 0, checksum: '', at_ms: 0 }

export type Identity = {
  /** New whenever the table is begun again from the stream's first event. */
  readonly epoch: string
  /** `emptying`: what an earlier epoch left is being removed, and nothing in the table counts. */
  readonly state: 'emptying' | 'filling'
  /** DynamoDB's own id of the table, which a table of the same name that is made later does not have. */
  readonly table_id: string
  /** The stream's origin as JSON text, without its newest event. */
  readonly stream: string
  readonly newest: Newest
  /** The table holds everything that the stream held at the beginning once `newest` has come here. */
  readonly whole_from_seq: number
  /** Why the table was begun again; undefined for the first time. */
  readonly reason?: string | undefined
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
  { reason: t.string },
)

/** The identity in an item as DynamoDB has it; undefined where the item is missing or says something else. */
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

/** Takes the identity out of items that were read with it. */
export const splitIdentity = (
  raws: readonly unknown[],
): { readonly identity: Identity | undefined; readonly others: readonly unknown[] } => ({
  identity: decodeIdentity(raws.find(isIdentity)),
  others: raws.filter(raw => !isIdentity(raw)),
})

/** The table's identity, strongly consistent; undefined where there is none. */
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

/** What an identity begins with. */
export type Beginning = Pick<Identity, 'table_id' | 'stream' | 'whole_from_seq' | 'reason'> & {
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
 * Begins another epoch of a table, if its identity is still the one that was read (`ConditionFailed` when somebody was
 * faster): from here on readers do not believe what is in it, and nobody's progress of the epoch before can be noted.
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
      error.tag === 'ConditionFailed' ? notOverOthers(client, table, identity, error) : TE.left(error),
    ),
  )
}

/**
 * What to do where an identity cannot be put: it is there already if only the answer to an earlier try was lost, and it
 * takes the place of an item that says nothing (somebody wrote there by hand), but not of anybody else's.
 */
const notOverOthers = (
  client: DynamoDBDocumentClient,
  table: string,
  identity: Identity,
  faster: TableError,
): TaskEither<TableError, Identity> =>
  pipe(
    readIdentity(client, table),
    TE.chain((found): TaskEither<TableError, Identity> => {
      if (found === undefined) return putIdentity(client, table, identity, {})
      return found.epoch === identity.epoch ? TE.right(identity) : TE.left(faster)
    }),
  )

/** The table is empty now, and may be filled. */
export const startFilling = (
  client: DynamoDBDocumentClient,
  table: string,
  { epoch }: Identity,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`fill ${table}`, () =>
      client.send(
        new UpdateCommand({
          TableName: table,
          Key: { id: IDENTITY_ID },
          UpdateExpression: 'SET #state = :filling',
          ConditionExpression: 'epoch = :epoch',
          ExpressionAttributeNames: { '#state': 'state' },
          ExpressionAttributeValues: { ':filling': 'filling', ':epoch': epoch },
        }),
      ),
    ),
    TE.map(() => undefined),
  )

/** Notes of which stream the table is, more exactly than before: by its first event, or its time after a restore. */
export const noteStream = (
  client: DynamoDBDocumentClient,
  table: string,
  { epoch }: Identity,
  stream: string,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`identity of ${table}`, () =>
      client.send(
        new UpdateCommand({
          TableName: table,
          Key: { id: IDENTITY_ID },
          UpdateExpression: 'SET #stream = :stream',
          ConditionExpression: 'epoch = :epoch',
          ExpressionAttributeNames: { '#stream': 'stream' },
          ExpressionAttributeValues: { ':stream': stream, ':epoch': epoch },
        }),
      ),
    ),
    TE.map(() => undefined),
  )

/**
 * How far a table is folded when a transaction is written, and in which epoch. Everything up to `from_seq` was in the
 * table before: one that is behind that was set back.
 */
export type Mark = { readonly epoch: string; readonly from_seq: number; readonly newest: Newest }

/** The update that notes a mark, as a part of a transaction: it fails in another epoch, and never goes back. */
export const markUpdate = (table: string, { epoch, from_seq, newest }: Mark) => ({
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

/** The condition that a table is still being emptied, as a part of a transaction that empties it. */
export const emptyingCheck = (table: string, { epoch }: Identity) => ({
  TableName: table,
  Key: { id: IDENTITY_ID },
  ConditionExpression: 'epoch = :epoch AND #state = :emptying',
  ExpressionAttributeNames: { '#state': 'state' },
  ExpressionAttributeValues: { ':epoch': epoch, ':emptying': 'emptying' },
})

/** Whether a mark that could not be noted was overtaken: the table is of its epoch, and folded further already. */
const isOvertaken = (found: Identity | undefined, { epoch, newest }: Mark): boolean =>
  found !== undefined && found.epoch === epoch && found.state === 'filling' && found.newest.seq >= newest.seq

/** Notes a mark by itself, where there is nothing else to write. `NotOurs` when the table is another epoch's. */
export const noteMark = (
  client: DynamoDBDocumentClient,
  table: string,
  mark: Mark,
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`identity of ${table}`, () => client.send(new UpdateCommand(markUpdate(table, mark)))),
    TE.map(() => undefined),
    TE.orElse(error =>
      error.tag === 'ConditionFailed' ? unlessOvertaken(client, table, mark) : TE.left(error),
    ),
  )

/** No error where a mark was overtaken; else `NotOurs`. */
export const unlessOvertaken = (
  client: DynamoDBDocumentClient,
  table: string,
  mark: Mark,
): TaskEither<TableError, void> =>
  pipe(
    readIdentity(client, table),
    TE.chain(found => (isOvertaken(found, mark) ? TE.right(undefined) : TE.left(notOurs(table)))),
  )

/** The error of one who finds that a table is not the one that it was. */
export const notOurs = (table: string): TableError => ({
  tag: 'NotOurs',
  message: `the table ${table} is not what it was: it was emptied, restored, or begun again`,
})
