/**
 * Queries of an index, over as many of DynamoDB's own pages as it takes.
 */

import { type DynamoDBDocumentClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/lib-dynamodb'
import type { TaskEither } from '../fp.js'
import { type TableError, tryTable } from './errors.js'

/** A page of DynamoDB ends at 1 MB whatever was asked for; so many of them are read for one answer. */
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

/** The first `items_max` items as DynamoDB has them; `TryAgain` when too much had to be read for them. */
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
          // the limit counts what a filter leaves out as well: with one, a page is as long as it can be
          ...(query.FilterExpression === undefined ? { Limit: items_max - items.length } : {}),
          ...(after === undefined ? {} : { ExclusiveStartKey: after }),
        }),
      )
      items.push(...Items)
      if (LastEvaluatedKey === undefined || items.length >= items_max) return items.slice(0, items_max)
      after = LastEvaluatedKey
    }
    throw Object.assign(new Error(`not found within ${PAGES_MAX} pages`), { name: 'LimitExceededException' })
  })
