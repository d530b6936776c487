/**
 * Where an export is written: standard output, or a file that is there only when it is whole.
 *
 * A target takes one chunk at a time and is waited for, so that a slow reader holds up the reading of the ledger and not
 * this process's memory.
 */

import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export type ExportTarget = {
  readonly write: (chunk: string | Uint8Array) => Promise<void>
  /** Makes it whole. */
  readonly end: () => Promise<void>
  /** Gives it up: nothing of it stays. Never throws. */
  readonly abandon: () => Promise<void>
}

/** Whoever reads standard output has gone, as `head` does: there is nobody left to write for. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

/** Balances and payments are for the eyes of their owner. */
export const FILE_MODE = 0o600

const isPipeError = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')

const ignore = (): void => undefined

/** Standard output; `write` throws `ReaderGone` when its reader has gone. */
export const outputTarget = (output: NodeJS.WritableStream): ExportTarget => {
  // a failed write is told twice: to its callback, and as an event that would end the process
  output.on('error', ignore)
  return {
    write: chunk =>
      new Promise((resolve, reject) => {
        output.write(chunk, error => {
          if (error === null || error === undefined) resolve()
          else reject(isPipeError(error) ? new ReaderGone('nobody reads any more', { cause: error }) : error)
        })
      }),
    end: async () => undefined,
    abandon: async () => undefined,
  }
}

/** Writes all of a chunk at a place of a file, and returns the place after it. */
export const writeAll = async (file: FileHandle, chunk: string | Uint8Array, at: number): Promise<number> => {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
  return at + bytes.length
}

/** Makes a change of names in a folder last. */
const flushFolder = async (path: string): Promise<void> => {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Replaces a file by another one beside it. */
export const putInPlace = async (from: string, to: string): Promise<void> => {
  await rename(from, to)
  await flushFolder(to)
}

/** A name beside a file, which no other process uses. */
export const nameBeside = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${randomUUID()}.part`)

/** A file that gets its name when it is whole; until then a file of before keeps it. */
export const wholeFile = async (path: string): Promise<ExportTarget> => {
  const part = nameBeside(path)
  const file = await open(part, 'wx', FILE_MODE)
  let at = 0
  return {
    write: async chunk => {
      at = await writeAll(file, chunk, at)
    },
    end: async () => {
      await file.sync()
      await file.close()
      await putInPlace(part, path)
    },
    abandon: async () => {
      await file.close().catch(ignore)
      await unlink(part).catch(ignore)
    },
  }
}
