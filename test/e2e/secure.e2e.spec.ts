/** `jetledger dev --secure`: who may do what by the command line, HTTP and plain sockets, and what lies in the data folder. */

import { execFile } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkbench, type Workbench } from '../support/program.js'

const run = promisify(execFile)

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

/** Runs a subcommand as a user; without one as the default. */
const as = (user: string | undefined, ...args: readonly string[]) =>
  bench.run(args, user === undefined ? {} : { JETLEDGER_USER: user })

/** All that a server says to a client that sends these lines in plain text and then ends. */
const sayPlainly = async (url: string, lines: string): Promise<string> => {
  const { hostname, port } = new URL(url)
  const socket = dial({ host: hostname, port: Number(port) })
  socket.end(lines)
  return text(socket).catch(() => '')
}

const expectClosedFolder = (folder: string): void => {
  expect([folder, (statSync(folder).mode & 0o777).toString(8)]).toEqual([folder, '700'])
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) expectClosedFolder(path)
    else expect([path, (statSync(path).mode & 0o777).toString(8)]).toEqual([path, '600'])
  }
}

const BALANCE = ['request', 'customer.balance', '{"client_id":"678"}']

it('a reader reads and cannot write, each other user does its own, and nobody else gets in', async () => {
  const dev = await bench.dev('--secure')
  const data = join(bench.folder, '.jetledger')
  expect((statSync(data).mode & 0o777).toString(8)).toBe('700')
  expectClosedFolder(join(data, 'secure'))

  const { code, stdout } = await as(undefined, ...BALANCE)
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\{"balance":\d+\}\n$/)])
  const before = Number(/\d+/.exec(stdout)?.[0])
  const refused = [
    [undefined, 'customer.credit', 'credit', '678', '100'],
    ['client', 'customer.balance.678', 'publish', '678', 'credit', '100', '--raw'],
  ] as const
  const tryToWrite = async ([user, subject, ...args]: (typeof refused)[number]): Promise<void> => {
    const { code, stdout, stderr } = await as(user, ...args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(new RegExp(`^jetledger: [^\\n]*this NATS user may not publish to ${subject}\\n$`))
  }
  await Promise.all(refused.map(tryToWrite))
  const credit = as('client', 'credit', '678', '100')
  expect(await as('publisher', 'publish', '678', 'debit', '25')).toMatchObject({ code: 0 })
  expect(await credit).toMatchObject({ code: 0 })
  expect((await as('verify', 'verify')).stdout).toContain('ledger     customer-balances-ledger: agrees')

  const printed = [...dev.stdout().matchAll(/^ +(curl .*)$/gm)].map(([, line = '']) => line)
  const statusOf = async (line: string): Promise<string> =>
    (await run('sh', ['-c', line.replace(/^curl /, "curl -s -o /dev/null -w '%{http_code}' ")])).stdout
  const [read = '', write = ''] = printed
  const balanceByCurl = async (line: string): Promise<unknown> =>
    JSON.parse((await run('sh', ['-c', line.replace(/^curl /, 'curl -s ')])).stdout).balance
  expect(await Promise.all(printed.map(statusOf))).toEqual(['200', '201'])
  expect(await statusOf(read.replace(/-H @\S+ /, ''))).toBe('401')
  expect(await statusOf(write.replace('client.header', 'reader.header'))).toBe('403')
  expect(await balanceByCurl(read)).toBe(before + 175)

  const hello = await sayPlainly(dev.nats_url, 'CONNECT {"verbose":true}\r\nPING\r\n')
  expect(hello).toMatch(/^INFO .*"auth_required":true,"tls_required":true/)
  expect(hello).not.toMatch(/\r\n(\+OK|PONG)/)
  expect(await sayPlainly(dev.health_url, 'GET /healthz HTTP/1.0\r\n\r\n')).not.toContain('200')
  const page = { method: 'POST', headers: { origin: 'https://evil.example' }, body: '{}' }
  expect((await fetch(dev.dynamodb_endpoint, page)).status).toBe(403)

  await dev.end('SIGINT')
  const open = await bench.run(['dev'])
  expect([open.code, open.stderr]).toEqual([
    1,
    expect.stringContaining('was made with --secure: add --secure'),
  ])
  const secrets = dev.stderr() + dev.stdout()
  expect(secrets).not.toMatch(/Bearer \S|SUA|-----BEGIN/)
})
