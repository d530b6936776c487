/** The customers of the benchmarks: who they are, and which of them is next. */

import type { Random } from './request.js'

/** Every one of them is given money before the measuring, so that nothing is ever refused for want of it. */
export const CUSTOMERS = 10_000
export const FUNDS = 1_000_000_000_000

export const HOT_CUSTOMER = 'bench-hot'

/** 90 % of the commands go to this part of the customers. */
const BUSY_PART = 0.1
const BUSY_SHARE = 0.9

export const customer = (index: number): string => `bench-${index}`

/** Raw events have customers of their own: they would be conflicts to the command side, which decides by sequence. */
export const rawCustomer = (random: Random): string => `bench-raw-${Math.floor(random() * CUSTOMERS)}`

export const uniform = (random: Random): string => customer(Math.floor(random() * CUSTOMERS))

export const ninetyTen = (random: Random): string => {
  const busy = CUSTOMERS * BUSY_PART
  const index = random() < BUSY_SHARE ? random() * busy : busy + random() * (CUSTOMERS - busy)
  return customer(Math.floor(index))
}

/** As many as stay in memory, however it is used. */
const HOT_CUSTOMERS = 1_000
/** For reads: more than a benchmark of commands needs. */
export const READ_CUSTOMERS = 100_000

export const hot = (random: Random): string => customer(Math.floor(random() * HOT_CUSTOMERS))

export const anyone = (random: Random): string => customer(Math.floor(random() * READ_CUSTOMERS))

/** Two different ones. */
export const pair = (random: Random): readonly [string, string] => {
  const from = Math.floor(random() * CUSTOMERS)
  const distance = 1 + Math.floor(random() * (CUSTOMERS - 1))
  return [customer(from), customer((from + distance) % CUSTOMERS)]
}
