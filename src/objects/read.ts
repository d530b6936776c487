/**
 * Reads an object as a stream of bytes. A connection that breaks in the middle is made again, and reading goes on at the next
 * byte of the very same object: if another one took its place meanwhile, that is an error, never a mixture of both.
 */

import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3'
import { type BackOff, pause } from '../back-off.js'
import { E, Failed, run, unwrap } from '../fp.js'
import { type ObjectAddress, objectUrl } from './address.js'
import { type ObjectError, tryObject } from './errors.js'

/** The number of times that reading goes on after a broken connection. One that brought many bytes does not count. */
const BREAKS_MAX = 5
const MANY_BYTES = 16_777_216
/** So long an answer may take to begin. With the client's own tries a store that is silent is noticed within 10 s. */
const ANSWER_TIMEOUT_MS = 3_000
const BETWEEN_TRIES: BackOff = { first_ms: 200, max_ms: 5_000 }

/** How far an object is read. `etag` and `size_bytes` are those of the first answer. */
type Position = { at: number; etag?: string; size_bytes?: number }

const failWith = (
  address: ObjectAddress,
  tag: ObjectError['tag'],
  message: string,
  cause?: unknown,
): Failed<ObjectError> =>
  new Failed<ObjectError>({ tag, code: '', message: `${objectUrl(address)}: ${message}`, cause })

const CHANGED = 'the object was replaced while it was read, so nothing of it counts'

/** The size of the whole object by the answer to a request for its rest. */
const sizeOf = ({ ContentRange, ContentLength }: GetObjectCommandOutput, at: number): number =>
  at === 0 ? (ContentLength ?? Number.NaN) : Number(/^bytes \d+-\d+\/(\d+)$/.exec(ContentRange ?? '')?.[1])

/** Whether an answer begins at the byte that was asked for. A store that knows no ranges gives the whole object. */
const beginsAt = ({ ContentRange }: GetObjectCommandOutput, at: number): boolean =>
  at === 0 ? ContentRange === undefined : ContentRange?.startsWith(`bytes ${at}-`) === true

/** Checks an answer against the first one. Throws `Failed`. */
const checkAnswer = (address: ObjectAddress, answer: GetObjectCommandOutput, position: Position): void => {
  const { at, etag, size_bytes } = position
  if (!beginsAt(answer, at))
    throw failWith(
      address,
      'Unexpected',
      'the connection broke, and the store cannot go on in the middle of an object',
    )
  const found_bytes = sizeOf(answer, at)
  if (answer.ETag === undefined || answer.ETag === '' || !Number.isSafeInteger(found_bytes))
    throw failWith(address, 'Unexpected', 'the store does not say the size and the ETag of the object')
  // not every store with the interface of S3 knows If-Match, so the answer is compared, too
  if (at > 0 && (answer.ETag !== etag || found_bytes !== size_bytes))
    throw failWith(address, 'Changed', CHANGED)
  position.etag = answer.ETag
  position.size_bytes = found_bytes
}

/** Asks for the bytes from a position on, and gives them until the connection breaks. Throws `Failed`. */
async function* bytesFrom(
  client: S3Client,
  address: ObjectAddress,
  position: Position,
): AsyncGenerator<Uint8Array> {
  const { at, etag } = position
  const rest = at === 0 ? {} : { Range: `bytes=${at}-`, ...(etag === undefined ? {} : { IfMatch: etag }) }
  const asked = await tryObject(address, () =>
    client.send(new GetObjectCommand({ Bucket: address.bucket, Key: address.key, ...rest }), {
      requestTimeout: ANSWER_TIMEOUT_MS,
    }),
  )()
  // a shorter object has taken its place
  if (E.isLeft(asked) && at > 0 && asked.left.code === 'InvalidRange')
    throw failWith(address, 'Changed', CHANGED, asked.left.cause)
  const answer = unwrap(asked)
  const body = answer.Body as AsyncIterable<Uint8Array> & { destroy: () => void }
  try {
    checkAnswer(address, answer, position)
    const chunks = body[Symbol.asyncIterator]()
    for (;;) {
      const next = await run(tryObject(address, () => chunks.next()))
      if (next.done === true) return
      position.at += next.value.length
      yield next.value
    }
  } finally {
    body.destroy()
  }
}

/** Before the first answer has come the SDK's own tries are enough. */
const isBreak = (thrown: unknown, { etag }: Position): thrown is Failed<ObjectError> =>
  etag !== undefined && thrown instanceof Failed && (thrown.error as ObjectError).tag === 'Unavailable'

/** Gives bytes until the connection breaks, and returns why it broke; undefined when the object is whole. Throws `Failed`. */
async function* untilBreak(
  client: S3Client,
  address: ObjectAddress,
  position: Position,
): AsyncGenerator<Uint8Array, Failed<ObjectError> | undefined> {
  let why = failWith(address, 'Unavailable', 'the connection ended before the object did')
  try {
    yield* bytesFrom(client, address, position)
  } catch (thrown) {
    if (!isBreak(thrown, position)) throw thrown
    why = thrown
  }
  return position.at === position.size_bytes ? undefined : why
}

/**
 * The bytes of an object, from its first one to its last. Throws `Failed` with an `ObjectError`; what was given before is then
 * not the object.
 */
export async function* readObject(client: S3Client, address: ObjectAddress): AsyncGenerator<Uint8Array> {
  const position: Position = { at: 0 }
  const { signal } = new AbortController()
  for (let breaks = 0; ; ) {
    const before = position.at
    const why = yield* untilBreak(client, address, position)
    if (why === undefined) return
    breaks = position.at - before >= MANY_BYTES ? 0 : breaks + 1
    if (breaks > BREAKS_MAX) throw why
    await pause(BETWEEN_TRIES, Math.max(1, breaks), signal)
  }
}

/**
 * The first bytes of an object, at the most `bytes_max`; undefined when there is no such object. Throws `Failed`. The rest is
 * not read; no range is asked for, because an empty object has none.
 */
export const readBeginning = async (
  client: S3Client,
  address: ObjectAddress,
  bytes_max: number,
): Promise<Buffer | undefined> => {
  let beginning = Buffer.alloc(0)
  try {
    for await (const chunk of bytesFrom(client, address, { at: 0 })) {
      beginning = Buffer.concat([beginning, chunk])
      if (beginning.length >= bytes_max) break
    }
  } catch (thrown) {
    if (thrown instanceof Failed && (thrown.error as ObjectError).code === 'NoSuchKey') return undefined
    throw thrown
  }
  return beginning.subarray(0, bytes_max)
}
