/**
 * The program of before schema 2, for tests in which it runs beside this one: the real one, packed from its commit by
 * scripts/bundle-older.mjs. It knows the subcommand `serve` only.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { ROOT } from './source-tree.js'

export const OLDER_VERSION = '0.1.0'
const PACKED = join(ROOT, 'test', 'older', `jetledger-${OLDER_VERSION}.json.br`)
/** A folder from which packages are found, and which is never committed. */
const PLACE = join(ROOT, 'node_modules', '.cache', 'jetledger')

export type OlderProgram = {
  /** The file that Node runs. */
  readonly main: string
  readonly remove: () => void
}

/** Unpacks the older program into a folder of its own. */
export const unpackOlder = (): OlderProgram => {
  const files = JSON.parse(brotliDecompressSync(readFileSync(PACKED)).toString()) as Record<string, string>
  mkdirSync(PLACE, { recursive: true })
  const folder = mkdtempSync(join(PLACE, 'older-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return {
    main: join(folder, 'dist', 'older', 'main.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
