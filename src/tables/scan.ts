/**
 * Reads a whole table page by page.
 */

import { type DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type TableError, tryTable } from './errors.js'
import { splitIdentity } from './identity.js'

const PAGE_ITEMS = 1_000

/** A page of a table; `next` is the key from which the next page is read, absent on the last page. */
export type Page = { readonly items: readonly unknown[]; readonly next?: Readonly<Record<string, unknown>> }

/**
 * Reads a page of whole items without the table's identity, strongly consistent. `after` is the `next` of the page before,
 * undefined for the first page.
 */
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
