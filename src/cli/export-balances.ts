/** `jetledger export balances`: every customer's balance as of one sequence, by the fold of the whole ledger. */

import { readScope } from '../export/read.js'
import { BALANCES, type BalanceRow } from '../export/table.js'
import { namesOf } from '../ledger/account-id.js'
import { type OutputOptions, type Run, runExport, writeTable } from './export-run.js'

export type BalancesOptions = OutputOptions & {
  readonly to_seq: number | undefined
}

const ROWS_OF_CHUNK = 1_000

/** The rows, by id. */
const readBalances = async ({ nc, to_seq, at }: Run): Promise<readonly BalanceRow[]> => {
  const { pages, customers } = readScope(nc, { to_seq })
  for await (const page of pages) at(page.at(-1)?.seq ?? 0)
  return [...customers.keys()].sort().flatMap(id => {
    const customer = customers.get(id)
    if (customer === undefined) return []
    const { balance, version, seq } = customer.account
    return [{ ...namesOf(id), balance, version, seq, is_waiting: customer.parked !== undefined }]
  })
}

async function* chunksOf(rows: readonly BalanceRow[]): AsyncGenerator<readonly BalanceRow[]> {
  for (let from = 0; from < rows.length; from += ROWS_OF_CHUNK) yield rows.slice(from, from + ROWS_OF_CHUNK)
}

export const exportBalances = (options: BalancesOptions): Promise<void> =>
  runExport(options, async run => {
    const rows = await readBalances(run)
    await writeTable(run, options, BALANCES, chunksOf(rows))
    const sums = new Map<string | undefined, bigint>([[undefined, 0n]])
    for (const { asset, balance } of rows) sums.set(asset, (sums.get(asset) ?? 0n) + balance)
    const of_assets = [...sums].filter(([asset]) => asset !== undefined)
    return {
      customers: new Set(rows.map(({ client_id }) => client_id)).size,
      sum_of_balances: sums.get(undefined) ?? 0n,
      ...Object.fromEntries(of_assets.map(([asset, sum]) => [`sum_of_balances_${asset}`, sum])),
    }
  })
