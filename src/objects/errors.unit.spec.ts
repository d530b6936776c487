import { S3ServiceException } from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { E } from '../fp.js'
import { failureOf } from '../process/failure.js'
import { tryObject } from './errors.js'

const ADDRESS = { bucket: 'incoming', key: 'payments.csv' }

/** What the SDK throws for an answer of S3 with this code. */
const refusal = (name: string, status: number, headers: Record<string, string> = {}): Error =>
  Object.assign(
    new S3ServiceException({
      name,
      $fault: status < 500 ? 'client' : 'server',
      message: 'as the store says',
      $metadata: { httpStatusCode: status },
    }),
    { $response: { headers } },
  )
const ofSocket = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

it.each<[Error, string, number]>([
  [refusal('NoSuchKey', 404), 'there is no such object', 2],
  [refusal('NoSuchBucket', 404), 'there is no such bucket', 2],
  [
    refusal('PermanentRedirect', 301, { 'x-amz-bucket-region': 'eu-west-1' }),
    'the bucket is in another region (eu-west-1): set AWS_REGION',
    2,
  ],
  [refusal('AuthorizationHeaderMalformed', 400), 'the bucket is in another region: set AWS_REGION', 2],
  [refusal('AccessDenied', 403), 'access denied: a right on the bucket or the object is missing, or', 1],
  [refusal('ExpiredToken', 400), 'the store refuses the credentials (ExpiredToken)', 1],
  [refusal('InvalidObjectState', 403), 'the object is archived: restore it first', 1],
  [refusal('PreconditionFailed', 412), 'the object was replaced while it was read', 1],
  [refusal('SlowDown', 503), 'the store of objects does not answer (as the store says)', 3],
  [refusal('BadGateway', 502), 'the store of objects does not answer', 3],
  [ofSocket('ENOTFOUND'), 'the store of objects does not answer (connect ENOTFOUND)', 3],
  [
    Object.assign(new AggregateError([ofSocket('ECONNREFUSED'), ofSocket('ENETUNREACH')], '')),
    'the store of objects does not answer',
    3,
  ],
  [
    Object.assign(new Error('@smithy/node-http-handler - [ERROR] a request has exceeded ...'), {
      name: 'TimeoutError',
      code: 'ETIMEDOUT',
    }),
    'the store of objects does not answer (no answer in time)',
    3,
  ],
  [refusal('NotFound', 404), 'the answer has the status 404 and is none of S3: see AWS_ENDPOINT_URL_S3', 2],
  [refusal('Unknown', 403), 'the answer has the status 403 and is none of S3: see AWS_ENDPOINT_URL_S3', 2],
  [refusal('EntityTooLarge', 400), 'EntityTooLarge: as the store says', 1],
  [new TypeError('a fault of this program'), 'TypeError: a fault of this program', 1],
])('%s: %s', async (thrown, sentence, exit_code) => {
  const result = await tryObject(ADDRESS, () => Promise.reject(thrown))()
  if (E.isRight(result)) throw new Error('it did not fail')
  expect(result.left.message.startsWith(`s3://incoming/payments.csv: ${sentence}`), result.left.message).toBe(
    true,
  )
  expect(result.left.cause).toBe(thrown)
  expect(failureOf(result.left)).toMatchObject({ exit_code, message: result.left.message })
})
