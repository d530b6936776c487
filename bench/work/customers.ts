/** Names the customers of the benchmarks, and chooses among them at random. */

import type { Random } from './client-request.js'

/**
 * The customers of a benchmark that is not told another number. Each gets money before the measurements, so that no command is
 * refused for lack of it.
 */
export const CUSTOMERS = 10_000
export const FUNDS = 1_000_000_000_000

/** The subject of an event, before the customer's id. */
export const BALANCE_PREFIX = 'customer.balance.'

export const HOT_CUSTOMER = 'bench-hot'

/** 90 % of the commands go to this part of the customers. */
const BUSY_PART = 0.1
const BUSY_SHARE = 0.9

export const customer = (index: number): string => `bench-${index}`

let chosen_among = CUSTOMERS

/** Sets the number of customers among whom this process chooses. A load client is told it at its start. */
export const chooseAmong = (customers: number): void => {
  chosen_among = customers
}

/** Raw events have customers of their own: otherwise they would cause conflicts for the command side. */
export const rawCustomer = (random: Random): string => `bench-raw-${Math.floor(random() * chosen_among)}`

export const uniform = (random: Random): string => customer(Math.floor(random() * chosen_among))

export const ninetyTen = (random: Random): string => {
  const busy = chosen_among * BUSY_PART
  const index = random() < BUSY_SHARE ? random() * busy : busy + random() * (chosen_among - busy)
  return customer(Math.floor(index))
}

/** So few customers that all of them stay in memory. */
const HOT_CUSTOMERS = 1_000
/** The number of customers for reads: more than a benchmark of commands needs. */
export const READ_CUSTOMERS = 100_000

/** One of a thousand customers. */
export const hot = (random: Random): string => customer(Math.floor(random() * HOT_CUSTOMERS))

export const anyone = (random: Random): string => customer(Math.floor(random() * READ_CUSTOMERS))

/** Chooses two different customers. */
export const pair = (random: Random): readonly [string, string] => {
  const from = Math.floor(random() * chosen_among)
  const distance = 1 + Math.floor(random() * (chosen_among - 1))
  return [customer(from), customer((from + distance) % chosen_among)]
}
