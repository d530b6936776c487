/**
 * Empties a table in steps: deletes every item except its identity.
 */

import { type DynamoDBDocumentClient, ScanCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { chunksOf } from '../parallel.js'
import { type TableError, tryTable } from './errors.js'
import { emptyingCheck, IDENTITY_ID, type Identity, notOurs } from './identity.js'
import { WRITE_ITEMS_MAX } from './transact.js'

/** The largest number of deletes in one transaction, which also checks that the table may be emptied. */
const DELETES_MAX = WRITE_ITEMS_MAX - 1
const PAGE_ITEMS = 10 * DELETES_MAX

type Keys = { readonly ids: readonly string[]; readonly next?: Readonly<Record<string, unknown>> | undefined }

const keysPage = (
  client: DynamoDBDocumentClient,
  table: string,
  after: Keys['next'],
): TaskEither<TableError, Keys> =>
  pipe(
    tryTable(`scan ${table}`, () =>
      client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: PAGE_ITEMS,
          ProjectionExpression: 'id',
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      ),
    ),
    TE.map(({ Items = [], LastEvaluatedKey: next }) => ({
      ids: Items.map(({ id }) => String(id)).filter(id => id !== IDENTITY_ID),
      next,
    })),
  )

/** Deletes items if the table is still being emptied in this epoch, else `NotOurs`. */
const deleteItems = (
  client: DynamoDBDocumentClient,
  table: string,
  identity: Identity,
  ids: readonly string[],
): TaskEither<TableError, void> =>
  pipe(
    tryTable(`empty ${table}`, () =>
      client.send(
        new TransactWriteCommand({
          TransactItems: [
            ...ids.map(id => ({ Delete: { TableName: table, Key: { id } } })),
            { ConditionCheck: emptyingCheck(table, identity) },
          ],
        }),
      ),
    ),
    TE.mapLeft(error => (error.tag === 'ConditionFailed' ? notOurs(table) : error)),
    TE.map(() => undefined),
  )

/** The result of one step: the key from which the next step reads, and the number of deleted items. */
export type EmptyStep = { readonly next: Keys['next']; readonly deleted: number }

/**
 * Deletes up to 990 items from `from`, the `next` of the step before. A table is empty when a whole pass of steps has
 * found no item. A projector that has not learned of the new epoch may still write: a pass either finds a part of its
 * transaction, and another pass follows, or finds none of it, and the transaction is in the table as a whole.
 */
export const emptyStep =
  (
    client: DynamoDBDocumentClient,
    table: string,
    identity: Identity,
    from: Keys['next'],
  ): TaskEither<TableError, EmptyStep> =>
  async () => {
    const page = await keysPage(client, table, from)()
    if (E.isLeft(page)) return page
    for (const ids of chunksOf(DELETES_MAX, page.right.ids)) {
      const deleted = await deleteItems(client, table, identity, ids)()
      if (E.isLeft(deleted)) return deleted
    }
    return E.right({ next: page.right.next, deleted: page.right.ids.length })
  }
