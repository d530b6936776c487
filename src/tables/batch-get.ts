/**
 * Reads many items by their ids with BatchGetItem.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type AttributeValue, BatchGetItemCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { type BackOff, delay_ms } from '../back-off.js'

/** An item exactly as DynamoDB has it, with types and digits. */
export type RawItem = Readonly<Record<string, AttributeValue>>

/** The largest number of keys in one BatchGetItem; a limit of DynamoDB. */
export const BATCH_KEYS_MAX = 100

/** The most requests for one read. A throttled BatchGetItem answers a part of its keys; the rest is asked for again. */
const REQUESTS_MAX = 5
/** The pauses between these requests: asked again at once, a throttled table would throttle again. */
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 200 }

const throttledError = (keys: number): Error =>
  Object.assign(new Error(`${keys} keys were left unprocessed ${REQUESTS_MAX} times`), {
    name: 'ThrottlingException',
  })

/**
 * Reads the items of up to 100 different ids, strongly consistent; a missing item is left out. Throws an exception of
 * the AWS SDK, or one of the same form when DynamoDB leaves keys unprocessed too often.
 */
export const batchGet = async (
  client: DynamoDBDocumentClient,
  table: string,
  ids: readonly string[],
): Promise<RawItem[]> => {
  const items: RawItem[] = []
  let keys: Record<string, AttributeValue>[] = ids.map(id => ({ id: { S: id } }))
  for (let requests = 0; keys.length > 0; requests += 1) {
    if (requests === REQUESTS_MAX) throw throttledError(keys.length)
    if (requests > 0) await sleep(delay_ms(BACK_OFF, requests))
    const { Responses, UnprocessedKeys } = await client.send(
      new BatchGetItemCommand({ RequestItems: { [table]: { Keys: keys, ConsistentRead: true } } }),
    )
    items.push(...(Responses?.[table] ?? []))
    keys = UnprocessedKeys?.[table]?.Keys ?? []
  }
  return items
}
