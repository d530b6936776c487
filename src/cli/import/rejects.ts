/**
 * The rows that were not carried out: their number, why, and what they hold, so that they can be put right and imported. They
 * go to a file or to an object in S3. Each run writes it anew, and removes it when it is empty.
 */

import { type FileHandle, open, rm } from 'node:fs/promises'
import { csvRecord } from '../../csv-write.js'
import { isObjectUrl } from '../../objects/address.js'
import { Failure } from '../../process/failure.js'
import { addressOf, endOrAbandon, openObjects, orFailObject, writeObjectAt } from '../objects.js'
import type { Reject } from './rows.js'

/** The columns that stand before the columns of the imported file. */
const COLUMNS = ['row', 'code', 'message']
const HEADING = COLUMNS.join(',')

const OTHER_CONTENT =
  'it has another content than the rejects of an import: remove it, or name another place with --rejects'

export type Rejects = {
  /** The path of the file or the URL of the object. */
  readonly place: string
  /** Appends rows, below a heading with the names of the file's columns. */
  readonly write: (heading: readonly string[], rejects: readonly Reject[]) => Promise<void>
  /** Tells whether there are any. An object appears only now. */
  readonly close: () => Promise<boolean>
}

/** Where the text goes, and what to do in the end. */
type RejectsOutput = {
  readonly append: (text: string) => Promise<unknown>
  readonly close: (is_empty: boolean) => Promise<void>
}

/** Whether bytes are the beginning of another content than rejects, which must not be written over. */
const isForeign = (beginning: Buffer): boolean => beginning.length > 0 && beginning.toString() !== HEADING

const openForWriting = async (path: string): Promise<FileHandle> => {
  const file = await open(path, 'a+', 0o600)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADING.length), 0, HEADING.length, 0)
  if (!isForeign(buffer.subarray(0, bytesRead))) {
    await file.truncate()
    return file
  }
  await file.close()
  throw new Error(OTHER_CONTENT)
}

const fileOutput = async (path: string): Promise<RejectsOutput> => {
  const file = await openForWriting(path)
  return {
    append: text => file.appendFile(text),
    close: async is_empty => {
      await file.close()
      if (is_empty) await rm(path, { force: true })
    },
  }
}

/** The object of an earlier run stays until this one is whole. */
const objectOutput = async (url: string): Promise<RejectsOutput> => {
  const address = addressOf(url)
  const store = await openObjects()
  const beginning = await orFailObject(() => store.beginning(address, HEADING.length))
  if (beginning !== undefined && isForeign(beginning)) throw new Error(OTHER_CONTENT)
  const writer = await writeObjectAt(url)
  return {
    append: writer.write,
    close: async is_empty => {
      if (!is_empty) return await endOrAbandon(writer)
      await writer.abandon()
      if (beginning !== undefined) await orFailObject(() => store.remove(address))
    },
  }
}

/** Opens the place. Throws `Failure` when it cannot be written, or holds something else. */
export const openRejects = async (place: string): Promise<Rejects> => {
  let output: RejectsOutput
  try {
    output = await (isObjectUrl(place) ? objectOutput(place) : fileOutput(place))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const exit_code = cause instanceof Failure ? cause.exit_code : 2
    throw new Failure(`the rejects ${place}: ${why}`, { cause, exit_code })
  }
  let is_empty = true
  return {
    place,
    write: async (heading, rejects) => {
      if (rejects.length === 0) return
      const lines = rejects.map(({ row, code, message, original }) =>
        csvRecord([String(row), code, message, ...original]),
      )
      if (is_empty) lines.unshift(csvRecord([...COLUMNS, ...heading]))
      is_empty = false
      await output.append(lines.join(''))
    },
    close: async () => {
      await output.close(is_empty)
      return !is_empty
    },
  }
}
