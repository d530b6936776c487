/**
 * The file to import. It is read twice: once for its SHA-256, of which the transaction ids of its rows are made, and once for
 * its rows. Standard input, or a pipe, can be read only once, and an object could be replaced between two readings, so they
 * are first copied into a temporary file.
 */

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isObjectUrl, objectUrl } from '../../objects/address.js'
import { Failure } from '../../process/failure.js'
import { addressOf, openObjects, orFailObject } from '../objects.js'

/** The name that stands for standard input. */
export const STANDARD_INPUT_NAME = '-'

const LINE_FEED = 0x0a
const CHUNK_BYTES = 262_144
/** The hexadecimal digits of the digest that the transaction ids begin with. */
const DIGEST_CHARS = 16

export type RowSource = {
  /** The first 16 hexadecimal digits of the SHA-256 of the content. */
  readonly digest: string
  /** About the number of rows: the line feeds. */
  readonly lines: number
  readonly is_json_lines: boolean
  /** Tells whether a path or a URL names this very file or object. */
  readonly isAt: (path: string) => Promise<boolean>
  /**
   * The text in pieces, without a byte order mark; bytes that are no UTF-8 become U+FFFD. Throws `Failure` at its end when
   * the file is no longer the one of the digest.
   */
  readonly text: () => AsyncIterable<string>
  readonly close: () => Promise<void>
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Reads a file from its beginning to its end, piece by piece. The pieces share one memory. */
async function* bytesOf(file: FileHandle): AsyncIterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let at = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Copies what can be read only once into a temporary file without a name, which is gone when this process is. */
const spool = async (pipe: AsyncIterable<Uint8Array>): Promise<FileHandle> => {
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-import-'))
  try {
    const copy = await open(join(folder, 'rows'), 'wx+', 0o600)
    for await (const bytes of pipe) await copy.writeFile(bytes)
    return copy
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const openFile = async (name: string): Promise<FileHandle> => {
  if (name === STANDARD_INPUT_NAME) return spool(process.stdin)
  if (isObjectUrl(name)) {
    const store = await openObjects()
    return orFailObject(() => spool(store.read(addressOf(name))))
  }
  const file = await open(name, 'r')
  const stat = await file.stat()
  if (stat.isFile()) return file
  if (!stat.isDirectory()) return spool(file.createReadStream())
  await file.close()
  throw new Error('it is a folder')
}

const linesIn = (bytes: Uint8Array): number => {
  let lines = 0
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines += 1
  return lines
}

async function* textOf(file: FileHandle, name: string, sha256: string): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: false })
  const hash = createHash('sha256')
  for await (const bytes of bytesOf(file)) {
    hash.update(bytes)
    yield decoder.decode(bytes, { stream: true })
  }
  yield decoder.decode()
  if (hash.digest('hex') !== sha256)
    throw new Failure(
      `${name} was changed while it was read: the ids of its rows are made of its earlier content`,
    )
}

const isSameObject = (a: string, b: string): boolean =>
  isObjectUrl(a) && isObjectUrl(b) && objectUrl(addressOf(a)) === objectUrl(addressOf(b))

/**
 * Opens a file, standard input or an object (`s3://`), and reads it once. Throws `Failure` with exit code 2 when it cannot be
 * read, or with the one of the store.
 */
export const openSource = async (name: string): Promise<RowSource> => {
  let file: FileHandle
  try {
    file = await openFile(name)
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw new Failure(`${name}: it cannot be read: ${messageOf(cause)}`, { cause, exit_code: 2 })
  }
  const hash = createHash('sha256')
  let lines = 0
  let beginning = ''
  for await (const bytes of bytesOf(file)) {
    hash.update(bytes)
    lines += linesIn(bytes)
    beginning ||= new TextDecoder().decode(bytes).trimStart().slice(0, 1)
  }
  const sha256 = hash.digest('hex')
  const own = await file.stat()
  return {
    digest: sha256.slice(0, DIGEST_CHARS),
    lines,
    // no heading of CSV begins like this
    is_json_lines: beginning === '{',
    isAt: async path => {
      if (isObjectUrl(name) || isObjectUrl(path)) return isSameObject(name, path)
      const other = await open(path, 'r').catch(() => undefined)
      if (other === undefined) return false
      try {
        const { dev, ino } = await other.stat()
        return dev === own.dev && ino === own.ino
      } finally {
        await other.close()
      }
    },
    text: () => textOf(file, name, sha256),
    close: () => file.close(),
  }
}
