/** `npm run check-server`, as built: on the pinned server, which keeps everything, and on servers that lose data. */

import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { findServerBinary, versionOf } from '../../src/embedded/binaries.js'
import { newFolder, removeFolder } from '../support/servers.js'

const main = fileURLToPath(new URL('../../dist/check-server/main.js', import.meta.url))
const folder = newFolder()
afterAll(() => removeFolder(folder))

type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string }

const check = (...args: string[]): Promise<Outcome> =>
  new Promise(done => {
    const options = { env: { ...process.env, TMPDIR: folder } }
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })

const real = findServerBinary('nats-server')

/** Makes a nats-server that runs a shell command before its second start; $store is the folder of its data. */
const serverThat = (name: string, mischief: string): string => {
  const program = join(folder, name)
  const lines = [
    '#!/bin/sh',
    'case "$1" in --version) exec "$REAL" --version ;; esac',
    'store="$(dirname "$2")/$(basename "$2" .conf)"',
    'if [ -e "$store.started" ]; then',
    mischief,
    'fi',
    ': > "$store.started"',
    'exec "$REAL" "$@"',
  ]
  writeFileSync(program, lines.join('\n').replaceAll('$REAL', real), { mode: 0o755 })
  return program
}

it('the pinned server keeps what it acknowledged, ended in turns, and nothing is left behind', async () => {
  const outcome = await check('--cycles', '3', '--seconds', '2')
  expect(outcome, outcome.stdout).toMatchObject({ code: 0, stderr: '' })
  expect(outcome.stdout).toContain(
    `nats-server ${versionOf(real)} with compression none keeps what it acknowledged`,
  )
  expect(outcome.stdout.match(/ended with \w+: all there, three equal copies/g)).toHaveLength(3)
})

it('a server whose stores are gone after a restart is found out, and its logs are kept', async () => {
  const program = serverThat('forgetful', 'rm -rf "$store"; mkdir "$store"')
  const { code, stdout } = await check(program, '--cycles', '2', '--seconds', '1', '--signals', 'SIGKILL')
  expect(code).toBe(1)
  expect(stdout).toMatch(
    /cycle 1 of 2: \d+ events acknowledged, ended with SIGKILL: NOT as it was acknowledged/,
  )
  expect(stdout).toMatch(/ does NOT keep what it acknowledged:\n {2}\S/)
  const kept = /Stores and logs are in (.*)/.exec(stdout)?.[1] ?? ''
  expect(existsSync(join(kept, 'nats-1.log'))).toBe(true)
  expect(readFileSync(join(kept, 'nats-1.log'), 'utf8')).toContain('nats-server')
})

it('says how it is used, and a wrong call ends with 2 and a sentence', async () => {
  const help = await check('--help')
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('usage: npm run check-server --') })
  const wrong: [string[], RegExp][] = [
    [['--compression', 'lz4'], /--compression is none or s2, not "lz4"/],
    [['--cycles', '0'], /--cycles is a number from 1 to/],
    [['--signals', 'SIGTERM,SIGHUP'], /--signals is a list of SIGTERM and SIGKILL/],
    [['--speed', '9'], /--speed/],
    [['a', 'b'], /one program at a time/],
    [['/nowhere/nats-server'], /\/nowhere\/nats-server/],
  ]
  for (const [args, sentence] of wrong) {
    const { code, stderr } = await check(...args)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(sentence) })
    expect(stderr).toMatch(/^check-server: /)
  }
})
