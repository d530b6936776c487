/** The goals of the whole ledger, from the issue that asked for this benchmark. */

import type { Goal } from '../goals.js'
import { BASELINES, HTTP, NATS } from './lines.js'

const ratio = (of: string, to: string, at_least: number): Goal => ({ kind: 'ratio', of, to, at_least })
const unrefused = (of: string): Goal => ({ kind: 'refusals', of, at_most: 0 })

/** Formance v3 (alpha, one node) cannot be started here: its rates are those of the day when the goals were set. */
const formance = (of: string, per_s: number): Goal => ({
  kind: 'noted',
  of,
  to: 'Formance v3',
  per_s,
  at_least: 1.2,
})

export const GOALS: readonly Goal[] = [
  ratio(NATS.few, NATS.few_plain, 0.85),
  ratio(NATS.many, NATS.many_plain, 0.85),
  ratio(NATS.many, BASELINES.postgres, 1),
  ratio(NATS.hot, BASELINES.postgres_hot, 5),
  unrefused(NATS.many),
  unrefused(NATS.hot),
  unrefused(NATS.batch),
  formance(HTTP.credit, 4_800),
  formance(HTTP.hot, 4_300),
  formance(HTTP.transfer, 4_200),
  formance(HTTP.batch, 32_000),
  ratio(HTTP.credit, BASELINES.route, 0.7),
  ratio(HTTP.transfer, BASELINES.route_transfer, 0.7),
  ratio(HTTP.batch, BASELINES.route_batch, 0.7),
  ratio(HTTP.hot, BASELINES.route_hot, 5),
  unrefused(HTTP.credit),
  unrefused(HTTP.batch),
  ratio(HTTP.reads_beside, BASELINES.echo_get, 0.5),
  { kind: 'p99', of: HTTP.reads_beside, to: HTTP.reads, at_most: 2 },
  ratio(NATS.one, BASELINES.raw_one, 0.6),
  ratio(HTTP.one, BASELINES.raw_one, 0.45),
]
