/**
 * Writes an object of any size from chunks whose number is not known before. The object is there when it is whole, and not
 * earlier: until then its parts are a multipart upload, which nobody can read.
 *
 * The parts are sent by the client's own commands and not by `@aws-sdk/lib-storage`: chunks are pushed here and not pulled, an
 * upload that is given up has to wait for its last part before it is aborted (a part that arrives later would stay, and cost),
 * and the library would bring eight more packages.
 *
 * Every body is a buffer. So a request is signed with the SHA-256 of what it holds, which the store checks, and no store needs
 * to know the trailing checksums that the SDK adds to streams.
 */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Failed, run } from '../fp.js'
import { type ObjectAddress, objectUrl } from './address.js'
import { type ObjectError, tryObject } from './errors.js'

/** With the 10,000 parts that S3 allows, an object has at the most 160 GiB. Two parts are in memory at once. */
const PART_BYTES = 16_777_216
const PARTS_MAX = 10_000

type SentPart = { readonly PartNumber: number; readonly ETag: string | undefined }

/** An object that is being written. */
export type ObjectWriter = {
  /** Takes a chunk, and waits while earlier ones are under way. Throws `Failed` with an `ObjectError`. */
  readonly write: (chunk: string | Uint8Array) => Promise<void>
  /** Makes the object appear, in the place of one that was there. Throws `Failed` with an `ObjectError`. */
  readonly end: () => Promise<void>
  /** Gives it up: no object appears, and no part stays. Never throws. */
  readonly abandon: () => Promise<void>
}

/** The requests of one upload, in which parts are sent one after the other. */
const createParts = (client: S3Client, address: ObjectAddress, stop: AbortSignal | undefined) => {
  const target = { Bucket: address.bucket, Key: address.key }
  const given_up = new AbortController()
  const abortSignal = stop === undefined ? given_up.signal : AbortSignal.any([given_up.signal, stop])
  const sent: SentPart[] = []
  let upload_id: string | undefined

  const send = <A>(request: () => Promise<A>): Promise<A> => run(tryObject(address, request))
  // a writer that is given up waits for the id of its upload, without which nothing could be taken back
  const begin = async (): Promise<string> => {
    const begun = await send(() =>
      client.send(new CreateMultipartUploadCommand(target), stop === undefined ? {} : { abortSignal: stop }),
    )
    if (begun.UploadId === undefined)
      throw new Failed<ObjectError>({
        tag: 'Unexpected',
        code: '',
        message: `${objectUrl(address)}: the store began no upload`,
      })
    upload_id = begun.UploadId
    return begun.UploadId
  }
  return {
    is_begun: () => upload_id !== undefined,
    putWhole: (body: Uint8Array): Promise<unknown> =>
      send(() => client.send(new PutObjectCommand({ ...target, Body: body }), { abortSignal })),
    sendPart: async (body: Uint8Array): Promise<void> => {
      const PartNumber = sent.length + 1
      if (PartNumber > PARTS_MAX)
        throw new Failed<ObjectError>({
          tag: 'Unexpected',
          code: '',
          message: `${objectUrl(address)}: an object of more than ${PARTS_MAX} parts of ${PART_BYTES} bytes is not written`,
        })
      const UploadId = upload_id ?? (await begin())
      const { ETag } = await send(() =>
        client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body: body }), {
          abortSignal,
        }),
      )
      sent.push({ PartNumber, ETag })
    },
    complete: (): Promise<unknown> =>
      send(() =>
        client.send(
          new CompleteMultipartUploadCommand({
            ...target,
            UploadId: upload_id,
            MultipartUpload: { Parts: sent },
          }),
        ),
      ),
    stop: () => given_up.abort(),
    abort: async (): Promise<void> => {
      if (upload_id !== undefined)
        await client.send(new AbortMultipartUploadCommand({ ...target, UploadId: upload_id }))
    },
  }
}

const ignore = (): void => undefined

/**
 * Begins to write an object. Nothing is sent before a part is full or the object ends. When `stop` aborts, a request that is
 * under way fails, and so does the writer.
 */
export const writeObject = (client: S3Client, address: ObjectAddress, stop?: AbortSignal): ObjectWriter => {
  const parts = createParts(client, address, stop)
  let part = Buffer.alloc(0)
  let filled = 0
  let sending: Promise<void> = Promise.resolve()

  const sendFilled = async (): Promise<void> => {
    const full = part.subarray(0, filled)
    await sending
    sending = parts.sendPart(full)
    // a failure is thrown to the caller with the next part
    sending.catch(ignore)
    part = Buffer.alloc(0)
    filled = 0
  }
  return {
    write: async chunk => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      for (let at = 0; at < bytes.length; ) {
        if (part.length === 0) part = Buffer.allocUnsafe(PART_BYTES)
        const taken = bytes.subarray(at, at + PART_BYTES - filled)
        part.set(taken, filled)
        filled += taken.length
        at += taken.length
        if (filled === PART_BYTES) await sendFilled()
      }
    },
    end: async () => {
      await sending
      if (!parts.is_begun()) {
        await parts.putWhole(part.subarray(0, filled))
        return
      }
      if (filled > 0) await parts.sendPart(part.subarray(0, filled))
      await parts.complete()
    },
    abandon: async () => {
      parts.stop()
      await sending.catch(ignore)
      await parts.abort().catch(ignore)
    },
  }
}
