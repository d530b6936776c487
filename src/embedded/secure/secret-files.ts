/** Writes files and folders that only their owner may read, each at once and whole. */

import { randomUUID } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const OWNER_ONLY = 0o700
const OWNER_READS = 0o600

/** Makes a folder, or closes an existing one to other users. */
export const closedFolder = (path: string): string => {
  mkdirSync(path, { recursive: true, mode: OWNER_ONLY })
  chmodSync(path, OWNER_ONLY)
  return path
}

const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST'

const aside = (path: string, text: string): string => {
  const file = `${path}.${randomUUID()}`
  writeFileSync(file, text, { mode: OWNER_READS, flag: 'wx' })
  return file
}

/** Writes a file in the place of an existing one. */
export const replaceSecret = (path: string, text: string): void => renameSync(aside(path, text), path)

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * The text of a file, which is made by `make` where it is missing. Of two processes that make it at once one is first, and
 * both use that one's text.
 */
export const secretOf = (path: string, make: () => string): string => {
  const found = readIfThere(path)
  if (found !== undefined) return found
  const text = make()
  const file = aside(path, text)
  try {
    linkSync(file, path)
    return text
  } catch (error) {
    if (isThere(error)) return readFileSync(path, 'utf8')
    throw error
  } finally {
    rmSync(file, { force: true })
  }
}
