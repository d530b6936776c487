/**
 * The benchmark of the query side: measures balances from memory and from the table, beside a bare echo responder on the
 * same server in the same minutes.
 */

import type { Benchmark } from './benchmark.js'
import { fund } from './fund.js'
import { type Line, measureLines } from './measure/rounds.js'
import { openStage } from './stage.js'
import { customer, READ_CUSTOMERS } from './work/customers.js'

/** Requests in flight: enough to keep every process busy. */
const IN_FLIGHT = 500
const HOT_GOAL = 0.9

const ECHO = 'echo'
const ECHO_AGAIN = 'echo, beside the memory off'

const line = (name: string, work: string, echo: string, goal?: number): Line => ({
  name,
  work,
  in_flight: IN_FLIGHT,
  ratios: [{ to: [echo], ...(goal === undefined ? {} : { goal }) }],
})

type Part = {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly lines: readonly Line[]
}

const PARTS: readonly Part[] = [
  {
    name: 'with its memory',
    env: {},
    lines: [
      { name: ECHO, work: 'echo', in_flight: IN_FLIGHT, ratios: [] },
      line('balance, 1,000 hot customers', 'balanceHot', ECHO, HOT_GOAL),
      line('balance, 100,000 customers, uniform', 'balanceUniform', ECHO),
    ],
  },
  {
    name: 'without',
    env: { JETLEDGER_HOT_CUSTOMERS: '0' },
    lines: [
      { name: ECHO_AGAIN, work: 'echo', in_flight: IN_FLIGHT, ratios: [] },
      line('balance, memory off', 'balanceUniform', ECHO_AGAIN),
    ],
  },
]

export const queries: Benchmark = async (options, sync_interval, { cleanup, signal, say }) => {
  const all_customers = Array.from({ length: READ_CUSTOMERS }, (_, index) => customer(index))
  const lines = []
  for (const part of PARTS) {
    const wanted = part.lines.filter(
      ({ name }) => options.only.length === 0 || options.only.some(text => name.includes(text)),
    )
    // skips a part of which only the baseline is wanted: it is not worth starting servers for
    if (wanted.every(({ ratios }) => ratios.length === 0)) continue
    say(`the service ${part.name}: ${READ_CUSTOMERS} customers are given money first`)
    const stage = await openStage({
      options: { ...options, roles: 'queries' },
      env: part.env,
      sync_interval,
      cleanup,
      signal,
      say,
      prepare: service => fund(service, signal, all_customers),
    })
    lines.push(...(await measureLines(wanted, options.rounds, stage.runOnce)))
    await cleanup.stop()
  }
  return {
    title: 'queries',
    settings: {
      seconds: options.seconds,
      rounds: options.rounds,
      'client processes': options.clients,
      'client options': options.lean ? 'noAsyncTraces' : 'defaults',
      node: process.version,
    },
    lines,
  }
}
