/**
 * A store of objects: S3, or another one with the same interface. It makes the client and states all its time-outs, retries and
 * connection limits.
 *
 * Only this file is imported from outside the folder, beside the addresses, and only when an address is used: loading the
 * client takes longer than most subcommands.
 */

import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Failed, run } from '../fp.js'
import type { ObjectAddress } from './address.js'
import { type ObjectError, tryObject } from './errors.js'
import { readBeginning, readObject } from './read.js'
import { type ObjectWriter, writeObject } from './write.js'

export type StoreConfig = {
  /** The URL of a store other than AWS's own. Its buckets are addressed by the path, since they seldom have names in DNS. */
  readonly endpoint?: string | undefined
  /** Undefined: the SDK finds the region itself (`AWS_REGION`, the profile). */
  readonly region?: string | undefined
}

/** All functions throw `Failed` with an `ObjectError`, whose message is a sentence. */
export type ObjectStore = {
  /** The bytes of an object. When it throws, what was given before is not the object. */
  readonly read: (address: ObjectAddress) => AsyncIterable<Uint8Array>
  /** The first bytes of an object, at the most `bytes_max`; undefined when there is no such object. */
  readonly beginning: (address: ObjectAddress, bytes_max: number) => Promise<Buffer | undefined>
  /** Writes an object; when `stop` aborts, a request that is under way fails at once. */
  readonly writer: (address: ObjectAddress, stop?: AbortSignal) => ObjectWriter
  /** Removes an object; in a bucket with versions its content stays as one of them. */
  readonly remove: (address: ObjectAddress) => Promise<void>
  readonly close: () => void
}

/** A store that is away is noticed within 10 s, with all tries. */
const CONNECTION_TIMEOUT_MS = 2_500
const ATTEMPTS_MAX = 3
/** So long nothing may move on a connection, in either direction. */
const SOCKET_TIMEOUT_MS = 15_000
/** For one part, on a slow line. */
const REQUEST_TIMEOUT_MS = 300_000
const SOCKETS_MAX = 8

/** The region with which requests to a store other than AWS's are signed, where none is named. Such stores have one only. */
const REGION_OF_OTHERS = 'us-east-1'

const createClient = ({ endpoint, region }: StoreConfig): S3Client => {
  const agent = { keepAlive: true, maxSockets: SOCKETS_MAX }
  const is_other = endpoint !== undefined
  const named = region ?? (is_other ? REGION_OF_OTHERS : undefined)
  return new S3Client({
    ...(is_other ? { endpoint } : {}),
    ...(named === undefined ? {} : { region: named }),
    forcePathStyle: is_other,
    maxAttempts: ATTEMPTS_MAX,
    retryMode: 'standard',
    // a store that does not know "Expect: 100-continue" would be waited for
    expectContinueHeader: false,
    followRegionRedirects: false,
    // S3 asks for a checksum where a bucket locks objects; other stores may refuse a header that they do not know
    requestChecksumCalculation: is_other ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    // a part of an object has none
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  })
}

/** Looks for region and credentials, so that they are not missed only after hours of work. */
const checkAccess = async (client: S3Client): Promise<void> => {
  const fail = (message: string, cause: unknown): never => {
    throw new Failed<ObjectError>({ tag: 'Misaddressed', code: '', message, cause })
  }
  await client.config
    .region()
    .catch(cause =>
      fail(
        'the region of the store of objects is not known: set AWS_REGION, or name it in the profile of AWS',
        cause,
      ),
    )
  await client.config
    .credentials()
    .catch(cause =>
      fail(
        `there are no credentials for the store of objects: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (${cause instanceof Error ? cause.message : cause})`,
        cause,
      ),
    )
}

/** Opens a store, which needs a region and credentials and asks nothing of it yet. */
export const openStore = async (config: StoreConfig): Promise<ObjectStore> => {
  const client = createClient(config)
  await checkAccess(client)
  return {
    read: address => readObject(client, address),
    beginning: (address, bytes_max) => readBeginning(client, address, bytes_max),
    writer: (address, stop) => writeObject(client, address, stop),
    remove: async address => {
      const { bucket: Bucket, key: Key } = address
      await run(tryObject(address, () => client.send(new DeleteObjectCommand({ Bucket, Key }))))
    },
    close: () => client.destroy(),
  }
}
