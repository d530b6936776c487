import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { findServerBinary, installedServers, versionOf } from './binaries.js'

const folder = newFolder()
afterAll(() => removeFolder(folder))

const program = (name: string, mode: number): string => {
  const path = join(folder, name)
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, mode)
  return path
}

it('the environment variable names the binary before anything else', () => {
  const mine = program('mine', 0o755)
  const env = { NATS_SERVER_BIN: mine, PATH: folder }
  expect(findServerBinary('nats-server', env)).toBe(mine)
})

it('a variable that names no executable file is an error, not a reason to look elsewhere', () => {
  const text = program('text', 0o644)
  const message = `DYNOXIDE_BIN names ${text}, which is no executable file.`
  expect(() => findServerBinary('dynoxide', { DYNOXIDE_BIN: text })).toThrow(message)
  expect(() => findServerBinary('dynoxide', { DYNOXIDE_BIN: folder })).toThrow('no executable file')
})

it('the pinned binary comes before PATH, and PATH when it is not there', () => {
  const on_path = program('nats-server', 0o755)
  const env = { PATH: ['', '/nowhere', folder].join(delimiter) }
  const empty_root = join(folder, 'root')
  expect(findServerBinary('nats-server', env)).toContain(
    join('node_modules', '.cache', 'jetledger', 'servers'),
  )
  expect(findServerBinary('nats-server', env, empty_root)).toBe(on_path)
})

it('a missing binary says what to run', () => {
  expect(() => findServerBinary('nats-server', { PATH: '/nowhere' }, join(folder, 'root'))).toThrow(
    /^There is no nats-server \d+\.\d+\.\d+ here: .*NATS_SERVER_BIN/,
  )
})

/** A cache of servers with one program: a copy of an installed one. */
const copyOfCache = (): { cache: string; program: string } => {
  const real = findServerBinary('nats-server', { PATH: '' })
  const [, inside = ''] = real.split(join('jetledger', 'servers', '/'))
  const cache = mkdtempSync(join(folder, 'cache-'))
  const program = join(cache, inside)
  mkdirSync(dirname(program), { recursive: true })
  copyFileSync(real, program)
  return { cache, program }
}

it('an installed program that was changed is refused, however often it was found before', () => {
  const { cache, program } = copyOfCache()
  const env = { PATH: '' }
  expect(findServerBinary('nats-server', env, cache)).toBe(program)
  appendFileSync(program, 'x')
  const sentence = /is not nats-server \d+\.\d+\.\d+ as pinned .*sha256 is [0-9a-f]{64}, .*`npm run servers`/
  expect(() => findServerBinary('nats-server', env, cache)).toThrow(sentence)
  expect(() => installedServers('nats-server', cache)).toThrow(sentence)
  expect(findServerBinary('nats-server', { NATS_SERVER_BIN: program }, cache)).toBe(program)
})

it('lists the installed versions, the newest first', () => {
  const { cache, program } = copyOfCache()
  expect(installedServers('nats-server', cache)).toEqual([
    { version: expect.stringMatching(/^\d+\.\d+\.\d+$/), path: program },
  ])
  expect(installedServers('nats-server', join(folder, 'root'))).toEqual([])
  const versions = installedServers('nats-server').map(({ version }) => version)
  expect(versions).toEqual(versions.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true })))
})

it('a nats-server says its version, and another program is refused', () => {
  const [newest] = installedServers('nats-server')
  expect(versionOf(newest?.path ?? '')).toBe(newest?.version)
  const silent = program('silent', 0o755)
  expect(() => versionOf(silent)).toThrow(`${silent} does not say which nats-server it is.`)
})
