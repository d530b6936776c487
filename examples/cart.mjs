/**
 * A cart: the money is set aside when the order is placed, taken for each parcel that is sent, and given back for what is not.
 *
 * Nothing of it can be spent twice, and nothing stays reserved for ever: a hold that nobody captures ends after half an hour.
 */

import { openLedger, Refused } from './ledger.mjs'

const RESERVED_S = 1_800
const ledger = await openLedger()

const { balance } = await ledger.ask('credit', {
  client_id: 'ann',
  amount: 10_000,
  transaction_id: 'cart-pay-in',
})
console.log(`ann has ${balance}`)

// the order is placed: 6,000 are set aside under the id of the order
const order = { client_id: 'ann', hold: 'cart-order-17' }
const placed = await ledger.ask('hold', {
  client_id: order.client_id,
  amount: 6_000,
  expires_in: RESERVED_S,
  transaction_id: order.hold,
})
console.log(`order 17: ${placed.held} held, ${placed.available} available`)

// the first parcel leaves: its price goes to the shop, and the hold stays open for the rest
const first = { ...order, amount: 2_500, final: false, to: 'shop', transaction_id: 'cart-parcel-1' }
const sent = await ledger.ask('capture', first)
console.log(`parcel 1: shop has ${sent.to.balance}, ann has ${sent.from.balance}`)

// the last parcel costs less than what is left: the rest is ann's again, in the same moment
const second = await ledger.ask('capture', {
  ...order,
  amount: 3_000,
  to: 'shop',
  transaction_id: 'cart-parcel-2',
})
console.log(`parcel 2: shop has ${second.to.balance}, ann has ${second.from.balance}`)

// somebody sends the last parcel's capture once more, under another id: the hold is gone, and so no money moves
try {
  await ledger.ask('capture', { ...order, amount: 500, to: 'shop', transaction_id: 'cart-parcel-3' })
} catch (error) {
  if (!(error instanceof Refused)) throw error
  console.log(`parcel 3: ${error.code}`)
}

// another order is cancelled: its hold is released
await ledger.ask('hold', { client_id: 'ann', amount: 4_000, transaction_id: 'cart-order-18' })
const cancelled = { client_id: 'ann', hold: 'cart-order-18', transaction_id: 'cart-cancel-18' }
const free = await ledger.ask('release', cancelled)
console.log(`order 18 is cancelled: ann has ${free.balance}`)

await ledger.close()
