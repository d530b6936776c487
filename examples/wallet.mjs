/**
 * A wallet that is topped up by card: the ids of the payment provider make each charge count once, and refunds never exceed what
 * they refund.
 */

import { openLedger, Refused } from './ledger.mjs'

const ledger = await openLedger()

/** What the payment provider tells: a charge of a card was paid. It tells it at least once, and now and then twice. */
const onPaid = async ({ id, customer, amount }) => {
  const { balance } = await ledger.ask('credit', { client_id: customer, amount, transaction_id: id })
  console.log(`charge ${id}: ${customer} has ${balance}`)
}

/** Gives `amount` of a payment back. The id of the refund makes a second click harmless. */
const refund = async (payment, refund_id, amount) => {
  try {
    const fields = { transaction_id: payment, amount, reversal_id: refund_id }
    const { client_id, balance } = await ledger.ask('reverse', fields)
    console.log(`${refund_id}: ${amount} of ${payment}, ${client_id} has ${balance}`)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    console.log(`${refund_id}: ${error.code}, ${error.details.remaining} of ${payment} are left`)
  }
}

const charge = { id: 'wallet-charge-1', customer: 'mia', amount: 5_000 }
await onPaid(charge)
await onPaid(charge)

const payment = { client_id: 'mia', amount: 1_800, transaction_id: 'wallet-order-1', reference: 'two chairs' }
const { balance } = await ledger.ask('debit', payment)
console.log(`order 1: mia has ${balance}`)

// a part of the order is refunded; the next refund is more than what is left of it, so nothing is refunded
await refund('wallet-order-1', 'refund-1', 300)
await refund('wallet-order-1', 'refund-1', 300)
await refund('wallet-order-1', 'refund-2', 1_700)

// mia wants her money back on her card: it leaves the wallet first, and only then goes to the card. If the provider refuses it,
// a plain credit brings it back
await refund('wallet-charge-1', 'card-refund-1', 3_500)

await ledger.close()
