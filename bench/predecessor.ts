/**
 * Repeats the predecessor's own benchmark of `customer.balance` and prints its line: 1,000, 10,000 and 100,000 requests, at
 * most 1,000 in flight, ids 1 to 1000. Its average is the wall time divided by the number of calls; the percentiles beside it
 * are latencies.
 */

import type { Benchmark } from './benchmark.js'
import { fund } from './fund.js'
import { createHistogram } from './measure/histogram.js'
import type { Measured } from './measure/job.js'
import type { Options } from './options.js'
import { startLoadClient } from './processes/load-client.js'
import { type ServiceOptions, startReadyService } from './processes/service.js'
import { openGround } from './stage.js'
import { SEEDED_CUSTOMERS } from './work/queries.js'

const REQUESTS = [1_000, 10_000, 100_000]
const IN_FLIGHT = 1_000
const RESPONDERS = [1, 3]

const duration = (ms: number): string => (ms < 1_000 ? `${ms.toFixed(3)}ms` : `${(ms / 1_000).toFixed(3)}s`)

/** The predecessor's line, word for word, followed by the percentiles and errors, which it did not print. */
const lineOf = (requests: number, { elapsed_ms = 0, latencies, errors }: Measured): string => {
  const histogram = createHistogram()
  histogram.merge(latencies)
  const at = (percent: number): string => ((histogram.percentile_us(percent) ?? 0) / 1_000).toFixed(2)
  const failed = Object.entries(errors).map(([code, times]) => `, ${code} ${times}`)
  return (
    `Total of ${requests} requests, with max concurrency ${IN_FLIGHT}, and request timeout 5s, completed in ` +
    `${duration(elapsed_ms)}. Average call took ${(elapsed_ms / requests).toFixed(2)} milliseconds` +
    ` (p50 ${at(50)}, p95 ${at(95)}, p99 ${at(99)} ms${failed.join('')})`
  )
}

const measureWith = async (
  responders: number,
  service: Omit<ServiceOptions, 'roles'>,
  { lean }: Options,
  signal: AbortSignal,
): Promise<string[]> => {
  const children = []
  try {
    for (let i = 0; i < responders; i += 1) {
      children.push(await startReadyService({ ...service, roles: 'queries' }, signal))
    }
    const client = await startLoadClient({ nats_url: service.nats_url, lean })
    children.push(client)
    const lines: string[] = []
    for (const requests of REQUESTS) {
      const pace = { kind: 'count', requests, in_flight: IN_FLIGHT } as const
      const measured = await client.run({
        work: 'balanceSeeded',
        pace,
        warm_up_ms: 0,
        measure_ms: 60_000,
        seed: 1,
      })
      if (measured === 'unanswered') throw new Error('nobody answers customer.balance')
      lines.push(lineOf(requests, measured))
    }
    return lines
  } finally {
    for (const child of children.reverse()) await child.stop()
  }
}

export const predecessor: Benchmark = async (options, sync_interval, { cleanup, signal, say }) => {
  const ground = await openGround(options, sync_interval, cleanup)
  const seeded = Array.from({ length: SEEDED_CUSTOMERS }, (_, index) => String(index + 1))
  await fund(ground, signal, seeded)
  const notes: string[] = []
  for (const responders of RESPONDERS) {
    say(`${responders} responder ${responders === 1 ? 'process' : 'processes'}`)
    notes.push(`${responders} responder ${responders === 1 ? 'process' : 'processes'}:`)
    notes.push(...(await measureWith(responders, ground, options, signal)))
  }
  return {
    title: "the predecessor's benchmark",
    settings: { 'client options': options.lean ? 'noAsyncTraces' : 'defaults', node: process.version },
    lines: [],
    notes,
  }
}
