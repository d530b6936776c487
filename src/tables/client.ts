/**
 * Makes the DynamoDB client, and states all its time-outs, retries and connection limits.
 */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'

export type TablesConfig = {
  /** The URL of a DynamoDB-compatible server. Undefined: the SDK finds AWS's own (or `AWS_ENDPOINT_URL_DYNAMODB`). */
  readonly endpoint?: string | undefined
  /** Undefined: the SDK finds the region itself (`AWS_REGION`, the profile). */
  readonly region?: string | undefined
  /** For embedded servers, which require credentials but do not check them. Undefined: the SDK finds them itself. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Two tries, each with both time-outs, must end before a query's own deadline, so that its caller learns the reason. */
const CONNECTION_TIMEOUT_MS = 400
const REQUEST_TIMEOUT_MS = 1_500
const SOCKETS_MAX = 64
/** The second try replaces a lost connection; for longer trouble callers have a back-off of their own. */
const ATTEMPTS_MAX = 2

/** Reads every number as a BigInt: by default the library chooses the type by the size of the number. */
const wrapNumbers = (text: string): bigint => BigInt(text)

export const createTablesClient = ({
  endpoint,
  region,
  credentials,
}: TablesConfig): DynamoDBDocumentClient => {
  const client = new DynamoDBClient({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: ATTEMPTS_MAX,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    },
  })
  // it walks through every request and answer for a log that nobody keeps
  client.middlewareStack.remove('loggerMiddleware')
  return DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { wrapNumbers },
  })
}

/** The sentence about a client for which nothing names a region; undefined for one that has a region. */
export const regionProblem = async ({ config }: DynamoDBDocumentClient): Promise<string | undefined> => {
  try {
    await config.region()
    return undefined
  } catch {
    return 'the region of DynamoDB is not known: set AWS_REGION, or name it in the profile of AWS'
  }
}
