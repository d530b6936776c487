/**
 * Queries an index, over as many of DynamoDB's own pages as the answer needs.
 */

import { type DynamoDBDocumentClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/lib-dynamodb'
import type { TaskEither } from '../fp.js'
import { type TableError, tryTable } from './errors.js'

/** The largest number of DynamoDB's pages that are read for one answer. A page of DynamoDB ends at 1 MB. */
const PAGES_MAX = 200

export type IndexQuery = Pick<
  QueryCommandInput,
  | 'TableName'
  | 'IndexName'
  | 'KeyConditionExpression'
  | 'FilterExpression'
  | 'ExpressionAttributeNames'
  | 'ExpressionAttributeValues'
  | 'ScanIndexForward'
>

/**
 * Reads the first `items_max` items, undecoded. `Unexpected` when more than 200 pages would be needed: another try would
 * need as many.
 */
export const queryItems = (
  client: DynamoDBDocumentClient,
  query: IndexQuery,
  items_max: number,
): TaskEither<TableError, unknown[]> =>
  tryTable(`query ${query.IndexName} of ${query.TableName}`, async () => {
    const items: unknown[] = []
    let after: Record<string, unknown> | undefined
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          ...query,
          // the limit also counts items that a filter leaves out, so a query with a filter takes full pages
          ...(query.FilterExpression === undefined ? { Limit: items_max - items.length } : {}),
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      )
      items.push(...Items)
      if (LastEvaluatedKey === undefined || items.length >= items_max) return items.slice(0, items_max)
      after = LastEvaluatedKey
    }
    throw new Error(`the answer is not within the first ${PAGES_MAX} pages`)
  })
