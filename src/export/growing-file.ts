/**
 * A file of events that can be gone on with: after a kill, or a day later with the events since then.
 *
 * Beside the file stands a note, `<file>.export.json`, which says up to which byte the file is whole and which event is the
 * last one. The note is written after the bytes are on disk, so bytes beyond the note may be anything: they are written
 * anew. An export always writes the same bytes for the same events.
 */

import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { describeErrors, exactFieldsOf } from '../ledger/codec.js'
import { FILE_MODE, nameBeside, putInPlace, writeAll } from './target.js'

const Note = exactFieldsOf({
  /** What the bytes are: the format, its version and the columns. */
  form: t.string,
  /** The first sequence that the file was asked to hold. */
  from_seq: t.number,
  /** The sequence up to which it holds all events from `from_seq` on. */
  last_seq: t.number,
  /** The last row, as JSON; empty without rows. */
  last_row: t.string,
  /** The number of bytes up to which the file is whole. */
  bytes: t.number,
})
type Note = t.TypeOf<typeof Note>

/** The file cannot be gone on with, for the reason in the message. */
export class CannotGoOn extends Error {
  override readonly name = 'CannotGoOn'
}

export type GrowingFile = {
  /** What it holds already. */
  readonly note: Note
  /** Adds rows as they are written, and notes from time to time that they are there. */
  readonly add: (chunk: string, last: Pick<Note, 'last_seq' | 'last_row'>) => Promise<void>
  /** Notes what was added, also after a failure. */
  readonly close: () => Promise<void>
}

/** A note costs a flush to the disk, so there is one for this many bytes. */
const NOTE_BYTES = 16 * 1024 * 1024

const notePath = (path: string): string => `${path}.export.json`

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

const readNote = async (path: string): Promise<Note | undefined> => {
  let text: string
  try {
    text = await readFile(notePath(path), 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
  return pipe(
    readJson(text),
    E.chain(json => pipe(Note.decode(json), E.mapLeft(describeErrors))),
    E.getOrElseW(reason => {
      throw new CannotGoOn(`${notePath(path)} cannot be read: ${reason}`)
    }),
  )
}

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isAbsent(error)) return 0
    throw error
  }
}

const writeNote = async (path: string, note: Note): Promise<void> => {
  const part = nameBeside(notePath(path))
  const file = await open(part, 'wx', FILE_MODE)
  try {
    await writeAll(file, `${JSON.stringify(note)}\n`, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await putInPlace(part, notePath(path))
}

/** What a file holds: nothing, or what its note says. Throws `CannotGoOn` when it is not the file that is wanted. */
const startingNote = async (path: string, form: string, from_seq: number | undefined): Promise<Note> => {
  const [note, size] = [await readNote(path), await sizeOf(path)]
  if (note === undefined) {
    // bytes without a note may be anybody's
    if (size > 0)
      throw new CannotGoOn(`${path} exists, and no note beside it says what it holds: choose another name`)
    const from = from_seq ?? 1
    const begun = { form, from_seq: from, last_seq: from - 1, last_row: '', bytes: 0 }
    // before the first byte: after a kill the file is known as one of an export
    await writeNote(path, begun)
    return begun
  }
  if (note.form !== form) throw new CannotGoOn(`${path} is of another form: ${note.form} and not ${form}`)
  if (from_seq !== undefined && from_seq !== note.from_seq)
    throw new CannotGoOn(`${path} begins at sequence ${note.from_seq} and not at ${from_seq}`)
  if (size < note.bytes) throw new CannotGoOn(`${path} has lost bytes: it has ${size} and had ${note.bytes}`)
  return note
}

const openAt = async (path: string, bytes: number): Promise<FileHandle> => {
  const file = await open(path, bytes === 0 ? 'w' : 'r+', FILE_MODE)
  await file.truncate(bytes)
  return file
}

/**
 * Opens a file of events: a new one that begins at `from_seq` (1 when absent) with `header`, or one that is there. Throws
 * `CannotGoOn`, or the error of the file system.
 */
export const openGrowing = async (
  path: string,
  {
    form,
    header,
    from_seq,
  }: { readonly form: string; readonly header: string; readonly from_seq: number | undefined },
): Promise<GrowingFile> => {
  const start = await startingNote(path, form, from_seq)
  const file = await openAt(path, start.bytes)
  let noted = start
  let current = start

  const keep = async (): Promise<void> => {
    if (current === noted && noted.bytes > 0) return
    await file.datasync()
    await writeNote(path, current)
    noted = current
  }

  if (start.bytes === 0) current = { ...start, bytes: await writeAll(file, header, 0) }
  return {
    note: start,
    add: async (chunk, last) => {
      current = { ...current, ...last, bytes: await writeAll(file, chunk, current.bytes) }
      if (current.bytes - noted.bytes >= NOTE_BYTES) await keep()
    },
    close: async () => {
      try {
        await keep()
      } finally {
        await file.close()
      }
    },
  }
}
