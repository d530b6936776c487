/**
 * The file of the rows that were not carried out: their number, why, and what they hold, so that they can be put right and
 * imported. Each run writes it anew, and removes it when it is empty.
 */

import { type FileHandle, open, rm } from 'node:fs/promises'
import { csvRecord } from '../../csv-write.js'
import { Failure } from '../../process/failure.js'
import type { Reject } from './rows.js'

/** The columns that stand before the columns of the imported file. */
const COLUMNS = ['row', 'code', 'message']
const HEADING = COLUMNS.join(',')

export type RejectsFile = {
  readonly path: string
  /** Appends rows, below a heading with the names of the file's columns. */
  readonly write: (heading: readonly string[], rejects: readonly Reject[]) => Promise<void>
  readonly close: () => Promise<void>
}

/** Whether the file has another content than rejects, so that it must not be written over. */
const isForeign = async (file: FileHandle): Promise<boolean> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADING.length), 0, HEADING.length, 0)
  return bytesRead > 0 && buffer.subarray(0, bytesRead).toString() !== HEADING
}

const openForWriting = async (path: string): Promise<FileHandle> => {
  const file = await open(path, 'a+', 0o600)
  if (!(await isForeign(file))) {
    await file.truncate()
    return file
  }
  await file.close()
  throw new Error(`it has another content than the rejects of an import: remove it, or name another file`)
}

/** Opens the file. Throws `Failure` when it cannot be written, or holds something else. */
export const openRejects = async (path: string): Promise<RejectsFile> => {
  let file: FileHandle
  try {
    file = await openForWriting(path)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(`the file of rejects ${path}: ${why}`, { cause, exit_code: 2 })
  }
  let is_empty = true
  return {
    path,
    write: async (heading, rejects) => {
      if (rejects.length === 0) return
      const lines = rejects.map(({ row, code, message, original }) =>
        csvRecord([String(row), code, message, ...original]),
      )
      if (is_empty) lines.unshift(csvRecord([...COLUMNS, ...heading]))
      is_empty = false
      await file.appendFile(lines.join(''))
    },
    close: async () => {
      await file.close()
      if (is_empty) await rm(path, { force: true })
    },
  }
}
