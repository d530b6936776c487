/**
 * Going through a whole table.
 */

import { type DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'
import { splitIdentity } from './identity.js'

const PAGE_ITEMS = 1_000

/** A page of a table, and where the next one begins. */
export type Page = { readonly items: readonly unknown[]; readonly next?: Readonly<Record<string, unknown>> }

/** A page of whole items without the table's identity, strongly consistent, from where `after` says; without it from the beginning. */
export const scanPage = (
  client: DynamoDBDocumentClient,
  table: string,
  after: Page['next'],
): TaskEither<TableError, Page> =>
  pipe(
    tryTable(`scan ${table}`, () =>
      client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: PAGE_ITEMS,
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      ),
    ),
    TE.map(({ Items = [], LastEvaluatedKey: next }) => ({
      items: splitIdentity(Items).others,
      ...(next === undefined ? {} : { next }),
    })),
  )
