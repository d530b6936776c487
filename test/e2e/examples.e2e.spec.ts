/** The examples print what their page says, and the command line holds, captures, releases and limits. */

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { ROOT } from '../support/source-tree.js'

const RUN_MS_MAX = 60_000
const DAY_MS = 86_400_000

let bench: Workbench
let dev: Dev

beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev('--no-seed')
  for (const asset of ['EUR', 'USD']) await bench.run(['assets', 'add', asset, '--scale', '2'])
})
afterAll(() => bench?.end())

const page = readFileSync(join(ROOT, 'examples/README.md'), 'utf8')
/** Each call of the page, and the lines that follow it. */
const calls = [...page.matchAll(/^ {4}\$ (\w+) (examples\/\S+)\n((?: {4}.*\n)+)/gm)].map(
  ([, program = '', file = '', lines = '']) => ({ program, file, printed: lines.replace(/^ {4}/gm, '') }),
)

/** The text without sequences: these depend on what else the ledger holds. */
const withoutSequences = (text: string): string => text.replace(/"seq":\d+/g, '"seq":0')

const run = async ({ program, file }: (typeof calls)[number]): Promise<string> => {
  const env = { ...process.env, NATS_URL: dev.nats_url }
  const options = { cwd: bench.folder, env, timeout: RUN_MS_MAX }
  const { stdout } = await promisify(execFile)(program, [join(ROOT, file)], options)
  return withoutSequences(stdout)
}

describe('an example', () => {
  it.each(calls)('$file prints what the page says, again and again', async call => {
    const printed = withoutSequences(call.printed)
    expect(await run(call)).toBe(printed)
    if (call.program === 'node') expect(await run(call)).toBe(printed)
  })

  it('is on the page', () => {
    expect(calls.map(({ file }) => file)).toEqual([
      'examples/wallet.mjs',
      'examples/cart.mjs',
      'examples/ai-credits.mjs',
      'examples/two-currencies.mjs',
      'examples/gift-card.sh',
    ])
  })
})

describe('the command line', () => {
  const said = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout } = await bench.run(args)
    return { code, ...JSON.parse(stdout) }
  }

  it('sets money aside, takes a part of it, gives the rest back, and says why it refuses', async () => {
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString()
    const [hold, id] = [
      ['hold', 'eve', '40'],
      ['--transaction-id', 'eve-h'],
    ]
    expect(await said('limit', 'eve', '50')).toMatchObject({ code: 0, balance: 0, available: 50 })
    expect(await said(...hold, '--expires-at', tomorrow, ...id)).toMatchObject({
      code: 0,
      transaction_id: 'eve-h',
      available: 10,
      held: 40,
      expires_at: tomorrow,
    })
    const part = ['capture', 'eve', 'eve-h', '--amount', '15', '--keep-open', '--to', 'fred']
    const refund = ['reverse', 'eve-c', '--amount', '5', '--reversal-id', 'eve-r']
    expect(await said(...part, '--transaction-id', 'eve-c')).toMatchObject({
      code: 0,
      from: { balance: -15, held: 25 },
      to: { balance: 15 },
    })
    expect(await said(...part, '--dry-run')).toMatchObject({ code: 0, dry_run: true, to: { balance: 30 } })
    expect(await said(...refund, '--dry-run')).toMatchObject({ code: 0, dry_run: true, amount: 5 })
    expect(await said(...refund)).toMatchObject({ code: 0, reverses: 'eve-c', amount: 5 })
    expect(await said('release', 'eve', 'eve-h', '--amount', '5')).toMatchObject({ code: 0, held: 20 })
    const restricted = await said('restrict', 'eve', 'no_debit', '--reason', 'a dispute', '--until', tomorrow)
    expect(restricted).toMatchObject({ code: 0, held: 20 })
    expect((await bench.run(['account', 'eve'])).stdout.split('\n')).toEqual([
      'balance    -10',
      'available  20',
      'held       20, 1 open hold',
      'limit      50',
      `state      no_debit: a dispute, until ${tomorrow}`,
      'version    6',
      '',
    ])
    const why = (await bench.run(['explain', 'eve-h'])).stdout.split('\n')
    expect(why).toEqual([
      expect.stringMatching(/^\d+ {2}\S+ {2}eve {2}hold 40$/),
      '  outcome  applied',
      expect.stringMatching(/^ {2}rule {5}\S/),
      '  counted  amount 40, available 50',
      '  before   balance 0, available 50, held 0, active, version 1',
      '  after    balance 0, available 10, held 40, active, version 2',
      '',
    ])
    const shown = (await bench.run(['events', '--client-id', 'eve', '--last', '2'])).stdout
    expect(shown.split('\n')[0]).toMatch(/ {2}eve {2}release {2}5 .* {2}of hold eve-h$/)
    expect((await bench.run(['holds', 'eve'])).stdout).toBe(`eve-h  20  ${tomorrow}\n`)
    expect(await said(...hold, '--expires-in', '60')).toMatchObject({
      code: 1,
      error: { code: 'ACCOUNT_RESTRICTED', state: 'no_debit', reason: 'a dispute' },
    })
  })
})
