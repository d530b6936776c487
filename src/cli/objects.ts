/**
 * How subcommands come to objects in S3, or in another store with its interface: by an address where they take the path of a
 * file. The store is that of the environment (`AWS_REGION`, `AWS_ENDPOINT_URL_S3`, and the SDK's usual credentials).
 */

import { E, Failed } from '../fp.js'
import { type ObjectAddress, readObjectUrl } from '../objects/address.js'
import type { ObjectStore } from '../objects/store.js'
import type { ObjectWriter } from '../objects/write.js'
import { readEnvironment } from '../process/environment.js'
import { Failure, failureOf } from '../process/failure.js'

/** The address that a person wrote. Throws `Failure` with exit code 2 for one that names no object. */
export const addressOf = (url: string): ObjectAddress => {
  const read = readObjectUrl(url)
  if (E.isLeft(read)) throw new Failure(`${url}: ${read.left}`, { exit_code: 2 })
  return read.right
}

/** Runs work with objects. Throws `Failure` with the store's sentence and its exit code. */
export const orFailObject = async <A>(work: () => Promise<A>): Promise<A> => {
  try {
    return await work()
  } catch (thrown) {
    throw thrown instanceof Failed ? failureOf(thrown.error) : thrown
  }
}

let store: Promise<ObjectStore> | undefined

/** The store of the environment, the same for all parts of the process. Throws `Failure` where no region or no credentials are known. */
export const openObjects = (): Promise<ObjectStore> => {
  store ??= orFailObject(async () => {
    const { config } = readEnvironment()
    const { openStore } = await import('../objects/store.js')
    return openStore({ endpoint: config.AWS_ENDPOINT_URL_S3, region: config.AWS_REGION })
  })
  return store
}

/** Begins to write the object of a URL. The writer throws `Failure`, at once when `stop` aborts. */
export const writeObjectAt = async (url: string, stop?: AbortSignal): Promise<ObjectWriter> => {
  const writer = (await openObjects()).writer(addressOf(url), stop)
  return {
    write: chunk => orFailObject(() => writer.write(chunk)),
    end: () => orFailObject(writer.end),
    abandon: writer.abandon,
  }
}

/** Makes an object appear; when that fails, no part of it stays. */
export const endOrAbandon = async (writer: ObjectWriter): Promise<void> => {
  try {
    await writer.end()
  } catch (thrown) {
    await writer.abandon()
    throw thrown
  }
}
