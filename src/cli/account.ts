/**
 * `jetledger account|holds`: shows what a customer can spend, and the open holds.
 */

import type { Command } from 'commander'
import { t } from '../fp.js'
import { type AccountId, namesOf } from '../ledger/account-id.js'
import { Balance } from '../ledger/amount.js'
import { fieldsOf } from '../ledger/codec.js'
import { print, printJson } from '../process/output.js'
import { withNats } from './command.js'
import { accountId, count } from './options.js'
import { READ_MS, readLedger } from './read-ledger.js'
import { printTable } from './table.js'

type Options = { readonly asOf?: string; readonly timeout: number; readonly json?: true }

const PAGE_HOLDS = 100
/** All open holds fit into three pages; more are asked for only while holds end and are made meanwhile. */
const PAGES_MAX = 6

const Hold = fieldsOf({ hold: t.string, remaining: Balance, expires_at: t.string })
type Hold = t.TypeOf<typeof Hold>

const Other = fieldsOf({ balance: Balance, available: Balance, held: Balance }, { asset: t.string })

const Account = fieldsOf(
  {
    client_id: t.string,
    balance: Balance,
    available: Balance,
    held: Balance,
    limit: Balance,
    state: t.string,
    version: t.number,
    holds: t.array(Hold),
  },
  { reason: t.string, until: t.string, cursor: t.string, others: t.array(Other) },
)
const Page = fieldsOf({ held: Balance, holds: t.array(Hold) }, { cursor: t.string })

const account = (id: AccountId, { asOf: as_of, timeout, json }: Options): Promise<void> =>
  withNats(async connected => {
    // whoever asks by hand has often just written, perhaps through another instance
    const fields = { ...namesOf(id), ...(as_of === undefined ? { consistency: 'strong' } : { as_of }) }
    const asked = { subject: 'customer.account', fields, codec: Account, timeout_ms: timeout }
    const { reply, body } = await readLedger(connected, asked)
    if (json) return printJson(body)
    const {
      balance,
      available,
      held,
      limit,
      state,
      reason,
      until,
      version,
      holds,
      cursor,
      others = [],
    } = reply
    const why = reason === undefined ? '' : `: ${reason}`
    print(`balance    ${balance}`)
    print(`available  ${available}`)
    const more = cursor === undefined ? '' : ' and more'
    print(`held       ${held}, ${holds.length}${more} open hold${holds.length === 1 ? '' : 's'}`)
    print(`limit      ${limit}`)
    print(`state      ${state}${why}${until === undefined ? '' : `, until ${until}`}`)
    print(`version    ${version}`)
    for (const { asset = 'default asset', ...other } of others)
      print(`also       ${asset}: ${other.balance}, available ${other.available}, held ${other.held}`)
  })

const holds = (id: AccountId, { timeout, json }: Options): Promise<void> =>
  withNats(async connected => {
    const open: Hold[] = []
    let cursor: string | undefined
    for (let page = 1; page === 1 || (cursor !== undefined && page <= PAGES_MAX); page += 1) {
      const fields = { ...namesOf(id), limit: PAGE_HOLDS, ...(cursor === undefined ? {} : { cursor }) }
      const asked = { subject: 'customer.holds', fields, codec: Page, timeout_ms: timeout }
      const { reply } = await readLedger(connected, asked)
      open.push(...reply.holds)
      cursor = reply.cursor
    }
    if (json) return printJson(open.map(Hold.encode))
    if (open.length === 0) return print('no open holds')
    printTable(
      ['HOLD', 'REMAINING', 'EXPIRES'],
      open.map(({ hold, remaining, expires_at }) => [hold, String(remaining), expires_at]),
    )
  })

/** Adds the subcommands that show an account. */
export const accountCommands = (program: Command): void => {
  program
    .command('account')
    .description('show what a customer has, what is available and held, the credit limit and the state')
    .argument('<client_id>', 'the customer; an asset follows after a slash (678/EUR)', accountId)
    .option('--as-of <time>', 'as it was at this time, such as 2026-11-27T12:00:00Z')
    .option('--timeout <ms>', 'how long to wait for the answer', count, READ_MS)
    .option('--json', 'print the answer as JSON')
    .action(account)
  program
    .command('holds')
    .description('list the open holds of a customer, the first one to expire first')
    .argument('<client_id>', 'the customer; an asset follows after a slash (678/EUR)', accountId)
    .option('--timeout <ms>', 'how long to wait for each answer', count, READ_MS)
    .option('--json', 'print the list as JSON')
    .action(holds)
}
