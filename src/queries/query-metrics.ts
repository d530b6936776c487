/**
 * What the query side counts: where balances were answered from, and how many customers are in memory.
 */

import { metrics } from '../metrics.js'
import type { Source } from './hot-set/loader.js'

const answers = metrics.counter(
  'jetledger_balance_answers_total',
  'Balances, by where they are from: memory (the hot set), the table, or the stream',
)
const customers = metrics.gauge('jetledger_hot_customers', 'Customers in memory')

/** Plain numbers, since they are counted on the path of every request. */
export type AnswerCounts = Record<Source, number>

/** Shows the counts until the returned function is called. */
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
