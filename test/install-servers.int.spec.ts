/** The package's postinstall against a registry of our own, with packages of our own: nothing leaves this machine. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort, LOOPBACK } from '../src/embedded/ports.js'
import { newFolder, removeFolder } from './support/servers.js'

const scripts = fileURLToPath(new URL('../scripts', import.meta.url))
const platform = `${process.platform}-${process.arch}`
const PACKAGES = { 'nats-server': '@fake/nats-server', dynoxide: '@fake/dynoxide' } as const

/** One file of a tar archive: a header of 512 bytes, then the content in blocks of 512. */
const tarEntry = (path: string, text: string): Buffer => {
  const header = Buffer.alloc(512)
  const fields: [number, string][] = [
    [0, path],
    [100, '0000644'],
    [108, '0000000'],
    [116, '0000000'],
    [124, text.length.toString(8).padStart(11, '0')],
    [136, '00000000000'],
    [148, '        '],
    [156, '0'],
    [257, 'ustar'],
    [263, '00'],
  ]
  for (const [offset, value] of fields) header.write(value, offset, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([header, Buffer.alloc(Math.ceil(text.length / 512) * 512, text.padEnd(512, '\0'))])
}

/** A package that, like the real ones, says it wants a newer Node than ours. */
const tarball = (name: string): Buffer => {
  const manifest = JSON.stringify({ name, version: '1.0.0', engines: { node: '>=99' } })
  const entries = [tarEntry('package/package.json', manifest), tarEntry('package/program', `I am ${name}`)]
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]))
}

const integrityOf = (bytes: Buffer): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`

let root: string
let registry: Server
let url: string
let requests: string[]
beforeEach(async () => {
  requests = []
  registry = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    requests.push(path)
    const name = Object.values(PACKAGES).find(candidate => path.startsWith(`/${candidate}`))
    if (name === undefined) return response.writeHead(404).end()
    if (path.endsWith('.tgz')) return response.end(tarball(name))
    const dist = { tarball: `${url}/${name}/-/program-1.0.0.tgz`, integrity: integrityOf(tarball(name)) }
    const versions = { '1.0.0': { name, version: '1.0.0', dist, engines: { node: '>=99' } } }
    return response.end(JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions }))
  }).listen(0, LOOPBACK)
  await once(registry, 'listening')
  const address = registry.address()
  url = `http://${LOOPBACK}:${typeof address === 'object' ? address?.port : ''}`

  root = newFolder()
  mkdirSync(join(root, 'scripts'))
  copyFileSync(join(scripts, 'install-servers.mjs'), join(root, 'scripts', 'install-servers.mjs'))
  pin(platform)
})
afterEach(() => {
  registry.close()
  removeFolder(root)
})

/** Writes the pin table of the test: the fake packages, pinned for one platform. */
const pin = (pinned_platform: string, bytes?: Buffer): void => {
  const server = (name: string, variable: string) => {
    const integrity = integrityOf(bytes ?? tarball(name))
    const platforms = { [pinned_platform]: { package: name, path: 'program', integrity } }
    return { version: '1.0.0', variable, platforms, elsewhere: 'get one for <platform> yourself' }
  }
  const table = {
    'nats-server': server(PACKAGES['nats-server'], 'NATS_SERVER_BIN'),
    dynoxide: server(PACKAGES.dynoxide, 'DYNOXIDE_BIN'),
  }
  writeFileSync(join(root, 'scripts', 'servers.json'), JSON.stringify(table))
}

const cache = (...path: string[]): string => join(root, 'node_modules', '.cache', 'jetledger', ...path)
const program = (name: string): string => cache('servers', 'node_modules', name, 'program')

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

it('installs what is pinned, says so in one line, and the next time needs no network', async () => {
  const first = await install()
  expect(first).toEqual({ code: 0, stderr: '', stdout: expect.any(String) })
  expect(first.stdout).toMatch(
    /^jetledger: nats-server 1\.0\.0 and dynoxide 1\.0\.0 installed in [\d.]+ s\n$/,
  )
  for (const name of Object.values(PACKAGES)) {
    expect(readFileSync(program(name), 'utf8')).toBe(`I am ${name}`)
    expect(statSync(program(name)).mode & 0o111).toBe(0o111)
  }
  expect(readdirSync(cache())).toEqual(['servers'])

  requests = []
  expect(await install()).toEqual({ code: 0, stdout: '', stderr: '' })
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
  expect(existsSync(program(PACKAGES.dynoxide))).toBe(true)
})

it('a package that is not the pinned one fails the install and is not there', async () => {
  pin(platform, Buffer.from('what was pinned'))
  const { code, stdout, stderr } = await install()
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/NOT installed: the registry's package is not the one pinned .*EINTEGRITY/)
  expect(readdirSync(cache())).toEqual([])
})

it('a new pin replaces the old program', async () => {
  await install()
  pin(platform, Buffer.from('another'))
  expect(await install()).toMatchObject({ code: 1 })
  pin(platform)
  writeFileSync(cache('servers', 'installed.json'), '{"nats-server":"sha512-old","dynoxide":"sha512-old"}')
  writeFileSync(program(PACKAGES.dynoxide), 'old')
  expect(await install()).toMatchObject({ code: 0, stdout: expect.stringContaining('installed') })
  expect(readFileSync(program(PACKAGES.dynoxide), 'utf8')).toBe(`I am ${PACKAGES.dynoxide}`)
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
  pin('plan9-mips')
  const { code, stderr } = await install()
  expect(code).toBe(0)
  expect(stderr.trim().split('\n')).toEqual([
    `jetledger: no pinned nats-server 1.0.0 for ${platform}: to use \`jetledger dev\`, get one for ${platform} yourself`,
    `jetledger: no pinned dynoxide 1.0.0 for ${platform}: to use \`jetledger dev\`, get one for ${platform} yourself`,
  ])
  expect(requests).toEqual([])
})
