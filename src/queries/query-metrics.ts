/**
 * The metrics of the query side: the sources of the answered balances, and the number of customers in memory.
 */

import { metrics } from '../metrics.js'
import type { Source } from './hot-set/loader.js'

const answers = metrics.counter(
  'jetledger_balance_answers_total',
  'Balances, by where they are from: memory (the hot set), the table, or the stream',
)
const customers = metrics.gauge('jetledger_hot_customers', 'Customers in memory')

/** The number of answers by source; plain numbers, because every request counts one. */
export type AnswerCounts = Record<Source, number>

/** Shows the counts as metrics until the returned function is called. */
export const watchQueries = (counts: AnswerCounts, hot: { readonly size: () => number }): (() => void) => {
  const untrack = customers.track(hot.size)
  const unwatch = metrics.onCollect(() => {
    for (const [source, times] of Object.entries(counts)) answers.set(times, { source })
  })
  return () => {
    untrack()
    unwatch()
  }
}
