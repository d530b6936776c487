/**
 * Finds the programs that `jetledger dev` and the tests start. scripts/servers.json says which versions there are, where
 * scripts/install-servers.mjs puts them, and which sha256 each program has.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A program that src/embedded can start; also its key in scripts/servers.json. */
export type ServerProgram = 'nats-server' | 'dynoxide'

/** One installed version of a program. */
export type Installed = { readonly version: string; readonly path: string }

type Pin = { readonly program: string; readonly program_sha256: string }
type Source = { readonly version: string; readonly platforms: Readonly<Record<string, Pin>> }
type Server = {
  readonly variable: string
  /** the newest version first */
  readonly sources: readonly [Source, ...Source[]]
  readonly elsewhere: string
}
type PinnedFile = Installed & { readonly sha256: string }

// src/embedded and dist/embedded are both two levels below the package's root
const root = fileURLToPath(new URL('../../', import.meta.url))
const CACHE = join(root, 'node_modules', '.cache', 'jetledger', 'servers')
const PLATFORM = `${process.platform}-${process.arch}`

const serverOf = (program: ServerProgram): Server =>
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

/** The files that were hashed by this process, by path: what tells one state of a file from another, and its sha256. */
const hashed = new Map<string, { readonly state: string; readonly sha256: string }>()

/** Hashes a file once per state: 20 MB take some 10 ms, and a test starts many servers. */
const sha256Of = (path: string): string => {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const state = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  const known = hashed.get(path)
  if (known?.state === state) return known.sha256
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  hashed.set(path, { state, sha256 })
  return sha256
}

const pinnedFiles = ({ sources }: Server, cache: string): PinnedFile[] =>
  sources.flatMap(({ version, platforms }) => {
    const pin = platforms[PLATFORM]
    if (pin === undefined) return []
    return [{ version, path: join(cache, pin.program), sha256: pin.program_sha256 }]
  })

/** Nothing is started that is not what was pinned: the cache is a folder that other programs may write to. */
const checked = (program: ServerProgram, { version, path, sha256 }: PinnedFile): Installed => {
  const found = sha256Of(path)
  if (found === sha256) return { version, path }
  throw new Error(
    `${path} is not ${program} ${version} as pinned in scripts/servers.json (its sha256 is ${found}, and should be ${sha256}): ` +
      'it was changed after it was installed, or belongs to another version of this package. `npm run servers` puts it right.',
  )
}

/**
 * The versions of `program` that scripts/install-servers.mjs has installed, the newest first. Throws when one is not what
 * was pinned.
 */
export const installedServers = (program: ServerProgram, cache = CACHE): Installed[] =>
  pinnedFiles(serverOf(program), cache)
    .filter(({ path }) => isExecutable(path))
    .map(file => checked(program, file))

/**
 * The path of `program`: what its environment variable names (NATS_SERVER_BIN, DYNOXIDE_BIN), else the newest that the
 * package's postinstall got, else the one on PATH. Throws a sentence that says what to run when there is none, or when
 * an installed program is not what was pinned; what the user named is his own affair.
 */
export const findServerBinary = (
  program: ServerProgram,
  env: Readonly<Record<string, string | undefined>> = process.env,
  cache = CACHE,
): string => {
  const server = serverOf(program)
  const { variable, sources, elsewhere } = server
  const named = env[variable]
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`${variable} names ${named}, which is no executable file.`)
  }
  const pinned = pinnedFiles(server, cache)
  const installed = pinned.find(({ path }) => isExecutable(path))
  if (installed) return checked(program, installed).path
  const found = onPath(program, env.PATH ?? '')
  if (found) return found
  const remedy =
    pinned.length > 0
      ? `get it with \`npm run servers\`, or name one with ${variable}`
      : elsewhere.replaceAll('<platform>', PLATFORM)
  throw new Error(`There is no ${program} ${sources[0].version} here: ${remedy}.`)
}

const VERSION_TIMEOUT_MS = 10_000

/** The version that a nats-server program says it has. Throws a sentence when it is no program that says one. */
export const versionOf = (path: string): string => {
  const options = { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS, stdio: 'pipe' } as const
  const said = execFileSync(path, ['--version'], options)
  const version = /\bv(\d+\.\d+\.\d+\S*)/.exec(said)?.[1]
  if (version === undefined) throw new Error(`${path} does not say which nats-server it is.`)
  return version
}
