import { chmodSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { findServerBinary } from './binaries.js'

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
