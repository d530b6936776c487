/**
 * Installs pinned packages with npm, from a lock file that this script writes. So the user's own registry, proxy and
 * credentials are used, and npm refuses a package whose sha512 differs from the one pinned in servers.json.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

const OPTIONS =
  'ci --ignore-scripts --no-audit --no-fund --no-bin-links --package-lock=true --engine-strict=false --loglevel=error'

const manifestAndLock = pins => {
  const dependencies = Object.fromEntries(pins.map(pin => [pin.package, pin.version]))
  const manifest = { name: 'jetledger-servers', version: '0.0.0', private: true, dependencies }
  const locked = pins.map(pin => [
    `node_modules/${pin.package}`,
    // no `resolved`: npm then asks the registry that the user configured
    { version: pin.version, integrity: pin.hash },
  ])
  const lock = { ...manifest, lockfileVersion: 3, requires: true }
  return [manifest, { ...lock, packages: { '': manifest, ...Object.fromEntries(locked) } }]
}

/**
 * The outer npm hands its whole configuration down as npm_config_*. `--omit`, `--global`, `--prefix` and the like would
 * change the inner run, so only the variables that say how to reach the registry are passed on.
 */
const REACHING_THE_REGISTRY =
  /^npm_config_(registry|cache|userconfig|globalconfig|(https?_)?proxy|noproxy|ca|cafile|cert|key|strict_ssl|local_address|maxsockets|offline|prefer_(on|off)line|fetch_\w+|@.*|\/\/.*|_.*)$/i

const environment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || REACHING_THE_REGISTRY.test(name)),
  )

/** The lines of a project's .npmrc with registries and credentials: npm does not export these to its scripts. */
const registryLines = root => {
  const file = join(root, '.npmrc')
  if (!existsSync(file)) return ''
  const lines = readFileSync(file, 'utf8').split('\n')
  return `${lines.filter(line => /^\s*(registry|@[^=]*:registry|\/\/)/.test(line)).join('\n')}\n`
}

const failure = ({ status, output }) => {
  const lines = output.split('\n').flatMap(line => /^npm (?:error|ERR!) (.*)/.exec(line)?.[1] ?? [])
  const code = lines.map(line => /^code (\S+)/.exec(line)?.[1]).find(Boolean)
  const details = lines.filter(line => !/^(code|errno|syscall|A complete log|\s*$)/.test(line))
  const cause = [code, details[0]].filter(Boolean).join(': ') || `npm ended with ${status ?? output}`
  return { ok: false, is_refused: code === 'EINTEGRITY', cause }
}

/** Installs `pins` into `work`/node_modules. Resolves with `{ ok: true }`, or with `{ ok: false, cause }`. */
export const installByNpm = async (pins, work, root) => {
  const [manifest, lock] = manifestAndLock(pins)
  const npmrc = join(work, '.npmrc')
  writeFileSync(join(work, 'package.json'), JSON.stringify(manifest, null, 2))
  writeFileSync(join(work, 'package-lock.json'), JSON.stringify(lock, null, 2))
  writeFileSync(npmrc, registryLines(root), { mode: 0o600 })
  const is_inside_npm = /npm-cli\.[cm]?js$/.test(process.env.npm_execpath ?? '')
  const [command, first] = is_inside_npm ? [process.execPath, [process.env.npm_execpath]] : ['npm', []]
  const time_limit_s = Math.max(...pins.map(pin => pin.time_limit_s))
  const result = await run(command, [...first, ...OPTIONS.split(' ')], {
    cwd: work,
    env: environment(),
    time_limit_s,
  })
  rmSync(npmrc)
  if (result.status === 0) return { ok: true }
  if (result.is_late) return { ok: false, cause: `npm took longer than ${time_limit_s} s` }
  if (result.is_missing) return { ok: false, cause: 'there is no npm here' }
  return failure(result)
}
