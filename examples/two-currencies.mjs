/**
 * A wallet of two currencies: euros and dollars are accounts of one customer, and an exchange is two transfers with a dealer who
 * keeps both, whole or not at all.
 *
 * The assets are declared once: `jetledger assets add EUR --scale 2 --name Euro`, and the same for USD.
 */

import { openLedger, Refused } from './ledger.mjs'

const ledger = await openLedger()

const show = async () => {
  const { others = [] } = await ledger.ask('account', { client_id: 'zoe' })
  const held = new Map(others.map(({ asset, balance }) => [asset, balance]))
  console.log(`zoe has ${held.get('EUR') ?? 0} EUR and ${held.get('USD') ?? 0} USD`)
}

/** Sells `give` cents of one asset for `get` cents of another. The rate is the dealer's: the ledger keeps what was agreed. */
const exchange = async (id, customer, give, get) => {
  const commands = [
    { type: 'transfer', from: customer, to: 'dealer', ...give, transaction_id: `${id}:give` },
    { type: 'transfer', from: 'dealer', to: customer, ...get, transaction_id: `${id}:get` },
  ]
  try {
    await ledger.ask('batch', { mode: 'all', commands })
    console.log(`${id}: ${give.amount} ${give.asset} for ${get.amount} ${get.asset}`)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    // neither of the two transfers was carried out
    console.log(`${id}: ${error.code} (transfer ${error.details.index + 1})`)
  }
}

// the dealer's own money
await ledger.ask('credit', { client_id: 'dealer', asset: 'USD', amount: 100_000, transaction_id: 'dealer-1' })
await ledger.ask('credit', { client_id: 'zoe', asset: 'EUR', amount: 20_000, transaction_id: 'zoe-top-up-1' })

await exchange('exchange-1', 'zoe', { asset: 'EUR', amount: 10_000 }, { asset: 'USD', amount: 11_500 })
await show()

// the dealer does not have so many dollars: the euros stay where they are
await exchange('exchange-2', 'zoe', { asset: 'EUR', amount: 10_000 }, { asset: 'USD', amount: 115_000 })
await show()

await ledger.close()
