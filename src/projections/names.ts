/**
 * The projections by name: each is its durable consumer's name too.
 */

export const BALANCES = 'balances'
