/**
 * Finds the programs that `jetledger dev` and the tests start. scripts/servers.json states their versions, the paths
 * where scripts/install-servers.mjs puts them, and the sha256 of each program.
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
  /** The sources of the program, the newest version first. */
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

/** The sha256 of each file that this process has hashed, by path, with the state of the file at that time. */
const hashed = new Map<string, { readonly state: string; readonly sha256: string }>()

/** The sha256 of a file, computed once per state of the file: 20 MB take some 10 ms, and a test starts many servers. */
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

/** Throws when the file has not the pinned sha256: other programs may write to the cache folder. */
const requirePinned = (program: ServerProgram, { version, path, sha256 }: PinnedFile): Installed => {
  const actual_sha256 = sha256Of(path)
  if (actual_sha256 === sha256) return { version, path }
  throw new Error(
    `${path} is not ${program} ${version} as pinned in scripts/servers.json (its sha256 is ${actual_sha256}, and should be ${sha256}): ` +
      'it was changed after it was installed, or belongs to another version of this package. `npm run servers` puts it right.',
  )
}

/**
 * The versions of `program` that scripts/install-servers.mjs has installed, the newest first. Throws when an
 * installed file has not the pinned sha256.
 */
export const installedServers = (program: ServerProgram, cache = CACHE): Installed[] =>
  pinnedFiles(serverOf(program), cache)
    .filter(({ path }) => isExecutable(path))
    .map(file => requirePinned(program, file))

/**
 * The path of `program`: the one in its environment variable (NATS_SERVER_BIN, DYNOXIDE_BIN), else the newest version
 * that the package's postinstall got, else the one on PATH. Throws a sentence that says what to run when there is
 * none, or when an installed program has not the pinned sha256. A program that the user names is not checked.
 */
export const findServerBinary = (
  program: ServerProgram,
  env: Readonly<Record<string, string | undefined>> = process.env,
  cache = CACHE,
): string => {
  const server = serverOf(program)
  const { variable, sources, elsewhere } = server
  const user_path = env[variable]
  if (user_path) {
    if (isExecutable(user_path)) return user_path
    throw new Error(`${variable} names ${user_path}, which is no executable file.`)
  }
  const pinned = pinnedFiles(server, cache)
  const installed = pinned.find(({ path }) => isExecutable(path))
  if (installed) return requirePinned(program, installed).path
  const found = onPath(program, env.PATH ?? '')
  if (found) return found
  const remedy =
    pinned.length > 0
      ? `get it with \`npm run servers\`, or name one with ${variable}`
      : elsewhere.replaceAll('<platform>', PLATFORM)
  throw new Error(`There is no ${program} ${sources[0].version} here: ${remedy}.`)
}

const VERSION_TIMEOUT_MS = 10_000

/** The version that a nats-server program reports. Throws a sentence when the program reports none. */
export const versionOf = (path: string): string => {
  const options = { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS, stdio: 'pipe' } as const
  const output = execFileSync(path, ['--version'], options)
  const version = /\bv(\d+\.\d+\.\d+\S*)/.exec(output)?.[1]
  if (version === undefined) throw new Error(`${path} does not say which nats-server it is.`)
  return version
}
