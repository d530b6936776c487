/**
 * Every command of the reference page (docs/commands.md) is run once, as somebody would type it, on a ledger of
 * `jetledger dev`. What a command does in detail is tested elsewhere: here none may be missing, end otherwise than it says,
 * or print something that surprises.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callsOf, pathOf } from '../../src/cli/calls.js'
import { createProgram } from '../../src/cli/program.js'
import { loadSubcommands } from '../../src/cli/subcommands.js'
import { type Finished, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

/** They run until they are stopped, and other files of this folder start them again and again. */
const STARTED_ELSEWHERE = ['dev', 'serve', 'chaos']

type Run = readonly [command: string, args: readonly string[], prints: string | RegExp, code?: number]

/** The sequence of the dead letter that `publish` makes below. */
let letter_seq = ''

/** Port 1 has no server. */
const NOWHERE = { NATS_URL: 'nats://127.0.0.1:1' }
const KEYS = ['--keys', 'keys']
const CSV = 'type,client_id,amount\ncredit,678,5\n'
const ACCOUNTS = '{"account":"LEDGER","users":[{"kind":"commands"}]}'
const BATCH = '[{"type":"credit","client_id":"678","amount":1},{"type":"debit","client_id":"679","amount":1}]'
const NO_ANSWER = 'NATS does not answer at nats://127.0.0.1:1 (connection refused)'
const NO_HEADS = 'there are no signed heads'

/** In order: a run may build on those before it. A function is called when its turn comes. */
const RUNS: readonly (Run | (() => Run))[] = [
  ['version', [], /^jetledger +\d/m],
  ['seed', ['--json'], '"events": 0'],
  ['request', ['customer.balance', '{"client_id":"678"}'], /^\{"balance":2875\}$/m],
  ['credit', ['678', '100', '--transaction-id', 'order-1'], '"balance":2975'],
  ['debit', ['678', '40', '--reference', 'order 1'], '"balance":2935'],
  ['transfer', ['678', '679', '35'], /"from":\{"client_id":"678","balance":2900/],
  ['hold', ['678', '300', '--transaction-id', 'call-17', '--expires-in', '600'], '"held":300'],
  ['holds', ['678'], /^call-17 +300 /m],
  ['capture', ['678', 'call-17', '--amount', '120', '--keep-open'], '"balance":2780'],
  ['release', ['678', 'call-17'], /"balance":2780,"version":7/],
  ['limit', ['678', '500'], '"available":3280'],
  ['restrict', ['678', 'no_debit', '--reason', 'chargeback 81'], '"transaction_id"'],
  ['debit', ['678', '1'], 'ACCOUNT_RESTRICTED', 1],
  ['restrict', ['678', 'active', '--reason', 'settled'], '"transaction_id"'],
  ['account', ['678'], /^limit +500$/m],
  ['reverse', ['order-1', '--amount', '30'], '"transaction_id":"order-1:reversal:1"'],
  ['explain', ['order-1'], 'credit'],
  ['batch', ['batch.json', '--all'], '"balance":2751'],
  ['import', ['payments.csv'], 'imported 1 rows: 1 carried out'],
  ['import', ['payments.csv', '--report', 'payments.report.json'], '1 known already'],
  ['import', ['--dropped-in', 'incoming', '--', 'payments.csv.rejects.csv'], 'is left alone'],
  ['sample', ['--customers', '3', '--events', '20'], 'sent 20 commands'],
  ['publish', ['nobody', 'debit', '25'], 'stored at sequence'],
  ['status', [], 'projections'],
  ['events', ['--client-id', '678'], 'order-1'],
  ['dead-letters list', [], 'INSUFFICIENT_FUNDS'],
  () => ['dead-letters show', [letter_seq], '"type":"debit"'],
  () => ['dead-letters retry', [letter_seq, '--reason', 'again'], 'INSUFFICIENT_FUNDS', 1],
  () => [
    'dead-letters discard',
    [String(Number(letter_seq) + 1), '--reason', 'sent twice'],
    'is marked as discarded',
  ],
  ['erase', ['678', '--reason', 'a test', '--yes'], 'this ledger does not seal texts', 1],
  ['parked list', [], 'no parked customers'],
  ['parked skip', ['678', '--reason', 'a test'], 'is not parked', 1],
  ['export events', ['--out', 'events.csv'], /last sequence \d+/],
  ['export balances', ['--format', 'csv'], /^678,,2756,/m],
  ['export statement', ['678'], 'closing balance 2756'],
  ['replay', ['ledger', '--json'], '"generation":2'],
  ['assets add', ['EUR', '--scale', '2', '--name', 'Euro'], 'EUR is declared (scale 2, Euro)'],
  ['assets list', [], /^EUR +2 +Euro$/m],
  ['schema', [], 'this program knows schema 2'],
  ['stream show', [], 'customer-balances'],
  ['stream apply', ['--dry-run'], 'would make the stream customer-transaction-ids', 1],
  ['stream apply', [], 'settings   as they should be'],
  ['stream apply', ['--dry-run'], 'everything is as it should be'],
  ['recover', [], 'there is nothing to recover'],
  ['verify', [], /^ledger +.*agrees$/m],
  ['heads key', ['head.nk'], /^U[A-Z2-7]{55}$/m],
  ['heads show', [], NO_HEADS, 1],
  ['heads export', ['--last', '1'], NO_HEADS, 1],
  ['heads begin', ['--reason', 'a new key'], 'JETLEDGER_HEAD_SEED_FILE is not set', 2],
  ['prove', ['5'], NO_HEADS, 1],
  ['context add', ['here', '--server', 'nats://127.0.0.1:1'], 'here.json'],
  ['context list', [], 'nats://127.0.0.1:1'],
  ['context use', ['here'], 'the context here is in use'],
  ['context remove', ['here'], 'the context here is removed'],
  ['permissions nsc', ['--account', 'LEDGER'], 'nsc add user'],
  ['permissions nats-server', [], 'authorization'],
  ['permissions json', [], '"commands"'],
  ['control-plane init', [...KEYS, '--accounts-dir', 'accounts'], 'keys/operator.conf'],
  ['control-plane certs', ['certs', 'nats-1.example'], 'certs/ca.pem'],
  // these go to servers of their own (src/control-plane has them), which are not there
  ['control-plane accounts list', KEYS, NO_ANSWER, 3],
  ['control-plane accounts create', ['LEDGER', ...KEYS], NO_ANSWER, 3],
  ['control-plane users create', ['LEDGER', 'reader', ...KEYS, '--name', 'ann'], NO_ANSWER, 3],
  ['control-plane users list', ['LEDGER', ...KEYS], NO_ANSWER, 3],
  ['control-plane creds', ['LEDGER', 'ann', ...KEYS, '--out', 'ann.creds'], NO_ANSWER, 3],
  ['control-plane users revoke', ['LEDGER', 'ann', ...KEYS], NO_ANSWER, 3],
  ['control-plane apply', ['accounts.json', ...KEYS, '--dry-run'], NO_ANSWER, 3],
  ['control-plane delete', ['LEDGER', ...KEYS], NO_ANSWER, 3],
  ['control-plane cp', ['--action', 'list', '--initials', 'ada', ...KEYS], NO_ANSWER, 3],
  ['completion bash', [], 'complete'],
  ['completion zsh', [], 'compdef'],
  ['completion fish', [], 'complete'],
]

const programNames = async (): Promise<readonly string[]> =>
  callsOf(createProgram(await loadSubcommands(undefined))).map(call => pathOf(call).join(' '))

let bench: Workbench
beforeAll(async () => {
  bench = openWorkbench()
  writeFileSync(join(bench.folder, 'batch.json'), BATCH)
  writeFileSync(join(bench.folder, 'payments.csv'), CSV)
  writeFileSync(join(bench.folder, 'accounts.json'), ACCOUNTS)
  await bench.dev()
})
afterAll(() => bench.end())

const runOf = (entry: (typeof RUNS)[number]): Run => (typeof entry === 'function' ? entry() : entry)

const isOfControlPlane = ([command]: Run): boolean => command.startsWith('control-plane')

const isAsItSays = ([, , prints, code = 0]: Run, found: Finished): boolean => {
  const text = found.stdout + found.stderr
  const says = typeof prints === 'string' ? text.includes(prints) : prints.test(text)
  return found.code === code && says && !/^\s+at /m.test(text)
}

const untilLetter = (): Promise<string> =>
  until(async () => /"seq": (\d+)/.exec((await bench.run(['dead-letters', 'list', '--json'])).stdout)?.[1], {
    deadline_ms: 30_000,
    what: 'the dead letter',
  })

describe('every command', () => {
  it('is run here, or started elsewhere', async () => {
    const here = RUNS.map(entry => runOf(entry)[0])
    expect([...new Set([...here, ...STARTED_ELSEWHERE])].sort()).toEqual([...(await programNames())].sort())
  })

  it('ends as it says, and prints what it is for', async () => {
    const surprises: unknown[] = []
    for (const entry of RUNS) {
      const run = runOf(entry)
      const found = await bench.run([...run[0].split(' '), ...run[1]], isOfControlPlane(run) ? NOWHERE : {})
      if (!isAsItSays(run, found)) surprises.push([run, found])
      if (run[0] === 'publish') letter_seq = await untilLetter()
    }
    expect(surprises).toEqual([])
    expect(readFileSync(join(bench.folder, 'events.csv'), 'utf8')).toContain('order-1')
  })
})
