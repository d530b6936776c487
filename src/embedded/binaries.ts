/** Finds the programs that `jetledger dev` starts. scripts/servers.json says which versions, and where npm puts them. */

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A program that src/embedded can start; also its key in scripts/servers.json. */
export type ServerProgram = 'nats-server' | 'dynoxide'

type Pin = { package: string; path: string; integrity: string }
type Pinned = { version: string; variable: string; platforms: Record<string, Pin>; elsewhere: string }

// src/embedded and dist/embedded are both two levels below the package's root
const root = fileURLToPath(new URL('../../', import.meta.url))

const pinOf = (program: ServerProgram): Pinned =>
  JSON.parse(readFileSync(join(root, 'scripts', 'servers.json'), 'utf8'))[program]

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const onPath = (program: string, path: string): string | undefined =>
  path
    .split(delimiter)
    .filter(folder => folder !== '')
    .map(folder => join(folder, program))
    .find(isExecutable)

/**
 * The path of `program`: what its environment variable names (NATS_SERVER_BIN, DYNOXIDE_BIN), else the pinned one that
 * the package's postinstall got, else the one on PATH. Throws a sentence that says what to run when there is none.
 */
export const findServerBinary = (
  program: ServerProgram,
  env: Readonly<Record<string, string | undefined>> = process.env,
  cache = join(root, 'node_modules', '.cache', 'jetledger', 'servers'),
): string => {
  const { version, variable, platforms, elsewhere } = pinOf(program)
  const named = env[variable]
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`${variable} names ${named}, which is no executable file.`)
  }
  const platform = `${process.platform}-${process.arch}`
  const pin = platforms[platform]
  const installed = pin && join(cache, 'node_modules', pin.package, pin.path)
  if (installed && isExecutable(installed)) return installed
  const found = onPath(program, env.PATH ?? '')
  if (found) return found
  const remedy = pin
    ? `get it with \`npm run servers\`, or name one with ${variable}`
    : elsewhere.replaceAll('<platform>', platform)
  throw new Error(`There is no ${program} ${version} here: ${remedy}.`)
}
