/**
 * The DynamoDB client: every time-out, retry and connection limit stated.
 */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'

export type TablesConfig = {
  /** Of a DynamoDB-compatible server; undefined lets the SDK find AWS's own (or `AWS_ENDPOINT_URL_DYNAMODB`). */
  readonly endpoint?: string | undefined
  /** Undefined: the SDK's own search (`AWS_REGION`, the profile). */
  readonly region?: string | undefined
  /** For embedded servers, which want some and look at none; undefined: the SDK's own search. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Two tries of both have to be over before a query's own deadline, so that its caller learns why. */
const CONNECTION_TIMEOUT_MS = 400
const REQUEST_TIMEOUT_MS = 1_500
const SOCKETS_MAX = 64
/** Two, so that a lost connection is healed here; everything longer is the caller's own back-off. */
const ATTEMPTS_MAX = 2

/** Numbers come back as BigInt always: the library's default switches type with size. */
const wrapNumbers = (text: string): bigint => BigInt(text)

export const createTablesClient = ({ endpoint, region, credentials }: TablesConfig): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(
    new DynamoDBClient({
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
    }),
    {
      marshallOptions: { removeUndefinedValues: true },
      unmarshallOptions: { wrapNumbers },
    },
  )
