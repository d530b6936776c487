/**
 * The balances: the table holds only the customers' heads, so a customer is written once per run however many events it
 * has.
 */

import { BALANCE_ITEM } from '../../tables/balances.js'
import type { Projection } from '../projection.js'

export const balances: Projection = {
  name: 'balances',
  head: BALANCE_ITEM,
  keeps_letters: true,
  linger_ms: 100,
}
