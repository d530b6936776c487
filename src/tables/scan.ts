/**
 * Reads a whole table, or all heads in it, page by page.
 */

import { type DynamoDBDocumentClient, ScanCommand, type ScanCommandInput } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import { BY_ID } from './definition.js'
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
): TaskEither<TableError, Page> => scan(client, { TableName: table, ConsistentRead: true }, after)

/**
 * Reads a page of heads from the index that holds nothing else, eventually consistent: a head may be missing or old for a
 * moment, and one whose item lost its shard is missing for good.
 */
export const scanHeads = (
  client: DynamoDBDocumentClient,
  table: string,
  after: Page['next'],
): TaskEither<TableError, Page> =>
  scan(client, { TableName: table, IndexName: BY_ID, ConsistentRead: false }, after)

const scan = (
  client: DynamoDBDocumentClient,
  of: Pick<ScanCommandInput, 'TableName' | 'IndexName' | 'ConsistentRead'>,
  after: Page['next'],
): TaskEither<TableError, Page> =>
  pipe(
    tryTable(`scan ${of.TableName}`, () =>
      client.send(
        new ScanCommand({
          ...of,
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
