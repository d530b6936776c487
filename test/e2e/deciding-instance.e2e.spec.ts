/**
 * Three processes of `jetledger serve` under load: one of them decides, dies, and the next one leaves; no command
 * is refused, each expired hold is written down once, and no transfer goes back twice.
 */

import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LEDGER_STREAM } from '../../src/stream/settings.js'
import { environment } from '../support/command-load.js'
import { openWorkbench, type Program, type Workbench } from '../support/program.js'
import { untilEqualsFold } from '../support/questions.js'
import { readStream } from '../support/read-stream.js'
import { startTestNats, until } from '../support/servers.js'

const CUSTOMERS = 100
const FUNDS = 1_000_000
const IN_FLIGHT = 16
const COMMANDS_PER_PHASE = 300
const PHASE_MS_MAX = 60_000
/** A request that the killed process had taken gets no answer: it is sent again with the same id. */
const REQUEST_MS_MAX = 4_000
const TRIES_MAX = 10

let bench: Workbench
let nc: NatsConnection
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  bench = openWorkbench()
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  nc = await bench.connect(nats.url)
  env = { ...(await environment(bench, nats.url, 1)).env, JETLEDGER_ROLES: 'commands,projections,queries' }
})
afterAll(() => bench?.end())

const serve = async (): Promise<Program> => {
  const program = bench.start(['serve'], env)
  await until(() => program.stderr().includes('customer.transfer'), {
    deadline_ms: PHASE_MS_MAX,
    what: 'commands to be answered',
  })
  return program
}

const DECIDES_ELSEWHERE = 'commands are decided by another instance'
const DECIDES_HERE = 'commands are decided here'

/** Answers by their code; `done` for a success. */
const codes = new Map<string, number>()
let credited = 0
let next = 0

/** Sends a request until it is answered, and gives the code of the answer. */
const codeOf = async (subject: string, request: object): Promise<string> => {
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    try {
      const { headers } = await nc.request(subject, JSON.stringify(request), { timeout: REQUEST_MS_MAX })
      return headers?.get('Nats-Service-Error') || 'done'
    } catch {
      // no answer: the command may be stored or not
    }
  }
  return 'no answer'
}

/** Sends a command with an id of its own, and gives the id. */
const ask = async (subject: string, request: object): Promise<string> => {
  const transaction_id = `load-${next++}`
  const code = await codeOf(subject, { ...request, transaction_id })
  codes.set(code, (codes.get(code) ?? 0) + 1)
  return transaction_id
}

/** The answers to two requests at once for all of a transfer. */
const reversed: string[] = []

const reverseTwice = async (transaction_id: string): Promise<void> => {
  const ask = (reversal_id: string) => codeOf('customer.reverse', { transaction_id, reversal_id })
  const answers = await Promise.all(['one', 'other'].map(ask))
  reversed.push(answers.toSorted().join(' and '))
}

const REVERSE_EVERY = 16
const HOLDS = 40
const HOLD_S_MAX = 8

/** Holds of customers who do nothing else: some end while each of the instances decides. */
const hold = async (n: number): Promise<void> => {
  const client_id = `holder-${n}`
  await ask('customer.credit', { client_id, amount: 5 })
  credited += 5
  await ask('customer.hold', { client_id, amount: 5, expires_in: 1 + (n % HOLD_S_MAX) })
}

/** How many events say of each hold that it has expired. */
const expiries = async (): Promise<number[]> => {
  const counts = new Map<unknown, number>()
  for (const message of await readStream(nc, LEDGER_STREAM)) {
    const { expired, hold } = message.json<{ expired?: true; hold?: string }>()
    if (expired === true) counts.set(hold, (counts.get(hold) ?? 0) + 1)
  }
  return [...counts.values()]
}

const customer = (n: number): string => `c${n % CUSTOMERS}`

/** Sends transfers and credits until it is stopped. */
const startLoad = () => {
  let is_over = false
  const work = async (): Promise<void> => {
    while (!is_over) {
      const n = next
      if (n % 4 === 0) {
        credited += 1
        await ask('customer.credit', { client_id: customer(n), amount: 1 })
      } else {
        const moved = await ask('customer.transfer', {
          from: customer(n),
          to: customer(n * 7 + 1),
          amount: 1,
        })
        if (n % REVERSE_EVERY === 1) await reverseTwice(moved)
      }
    }
  }
  const working = Promise.all(Array.from({ length: IN_FLIGHT }, work))
  return async (): Promise<void> => {
    is_over = true
    await working
  }
}

const untilDone = (count: number): Promise<boolean> => {
  const from = codes.get('done') ?? 0
  return until(() => (codes.get('done') ?? 0) >= from + count, {
    deadline_ms: PHASE_MS_MAX,
    what: `${count} more commands`,
  })
}

it('one decides for all; it is killed with -9, the next one is stopped, and nothing is refused or lost', async () => {
  const [first, second, third] = [await serve(), await serve(), await serve()]
  for (const program of [second, third])
    await until(() => program.stderr().includes(DECIDES_ELSEWHERE), {
      deadline_ms: PHASE_MS_MAX,
      what: 'the first instance to decide',
    })
  expect(first.stderr()).not.toContain(DECIDES_ELSEWHERE)
  const funds = Array.from({ length: CUSTOMERS }, (_, n) =>
    ask('customer.credit', { client_id: customer(n), amount: FUNDS }),
  )
  await Promise.all(funds)
  await Promise.all(Array.from({ length: HOLDS }, (_, n) => hold(n)))

  const stop = startLoad()
  await untilDone(COMMANDS_PER_PHASE)
  await first.end('SIGKILL')
  await until(() => second.stderr().includes(DECIDES_HERE), {
    deadline_ms: PHASE_MS_MAX,
    what: 'a take-over',
  })
  await untilDone(COMMANDS_PER_PHASE)
  expect((await second.end('SIGTERM')).code).toBe(0)
  await until(() => third.stderr().includes(DECIDES_HERE), {
    deadline_ms: PHASE_MS_MAX,
    what: 'another take-over',
  })
  await untilDone(COMMANDS_PER_PHASE)
  await stop()
  await until(async () => (await expiries()).length === HOLDS, {
    deadline_ms: PHASE_MS_MAX,
    what: 'every hold to be written as expired',
  })
  expect(await expiries()).toEqual(Array(HOLDS).fill(1))

  expect([...codes.keys()]).toEqual(['done'])
  expect(reversed.length).toBeGreaterThan(10)
  expect([...new Set(reversed)]).toEqual(['ALREADY_REVERSED and done'])
  const { balances } = await untilEqualsFold(nc, PHASE_MS_MAX)
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0n)
  expect(sum).toBe(BigInt(CUSTOMERS * FUNDS + credited))
  expect((await bench.run(['verify'], env)).code).toBe(0)
})
