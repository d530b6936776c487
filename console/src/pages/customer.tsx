/** One customer: the balance, what can be done, and the statement with the running balance. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { createColumnHelper, flexRender, getCoreRowModel, useReactTable } from '@tanstack/react-table'
import { type ReactNode, useState } from 'react'
import { accountName } from '../account-name.js'
import { actionOf, type Kind, OF_CUSTOMER, type Subject } from '../actions.js'
import { amountText, csvOf, timeText } from '../format.js'
import {
  type Account,
  type Caller,
  type Entry,
  type Period,
  readStatement,
  readStatementPdf,
  useAccount,
} from '../ledger.js'
import { Facts, Field, Problem, Scroll, State, Waiting } from '../parts.js'
import { linkTo } from '../route.js'
import { ActionDialog } from './action.js'
import { Holds } from './holds.js'

const PAGE = 50
const CSV_PAGE = 500
const CSV_ROWS_MAX = 100_000
const CSV_COLUMNS = [
  'at',
  'type',
  'amount',
  'balance',
  'held',
  'version',
  'seq',
  'transaction_id',
  'counterparty',
  'reference',
  'code',
  'by',
] as const satisfies readonly (keyof Entry)[]

const column = createColumnHelper<Entry>()
const number = { meta: { is_number: true } }

const signOf = ({ type }: Entry): string => (type === 'debit' ? '−' : type === 'credit' ? '+' : '')

const COLUMNS = [
  column.accessor('at', { header: 'Stored (UTC)', cell: ({ getValue }) => timeText(getValue()) }),
  column.accessor('amount', {
    header: 'Amount',
    ...number,
    cell: ({ row: { original: entry } }) =>
      entry.amount === undefined ? '' : signOf(entry) + amountText(entry.amount),
  }),
  column.accessor('balance', {
    header: 'Balance',
    ...number,
    cell: ({ getValue }) => amountText(getValue()),
  }),
  column.accessor('held', {
    header: 'Held',
    ...number,
    cell: ({ getValue }) => {
      const held = getValue()
      return held === undefined ? '' : amountText(held)
    },
  }),
  column.accessor('type', {
    header: 'Type',
    cell: ({ row: { original: entry } }) =>
      entry.code === undefined ? entry.type : `${entry.type}: ${entry.code}`,
  }),
  column.accessor('counterparty', {
    header: 'Other side',
    cell: ({ getValue }) => {
      const id = getValue()
      return id === undefined ? null : <a href={linkTo('customers', id)}>{id}</a>
    },
  }),
  column.accessor(({ reference, erased }) => (erased ? '(erased)' : reference), {
    id: 'reference',
    header: 'Reference',
  }),
  column.accessor('transaction_id', {
    header: 'Transaction',
    cell: ({ getValue }) => {
      const id = getValue()
      return id === undefined ? null : (
        <a className="id" href={linkTo('transaction', id)}>
          {id}
        </a>
      )
    },
  }),
  column.accessor('by', { header: 'By' }),
  column.accessor('seq', { header: 'Sequence', ...number }),
]

const isNumber = (meta: unknown): boolean => meta !== undefined

const Entries = ({ entries }: { readonly entries: Entry[] }) => {
  const table = useReactTable({
    data: entries,
    columns: COLUMNS,
    getCoreRowModel: getCoreRowModel(),
    getRowId: ({ seq }) => String(seq),
  })
  return (
    <Scroll label="Statement">
      <table>
        <thead>
          {table.getHeaderGroups().map(group => (
            <tr key={group.id}>
              {group.headers.map(({ id, column: { columnDef }, getContext }) => (
                <th key={id} scope="col" className={isNumber(columnDef.meta) ? 'number' : undefined}>
                  {flexRender(columnDef.header, getContext())}
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map(row => (
            <tr key={row.id} className={row.original.type === 'declined' ? 'declined' : undefined}>
              {row.getVisibleCells().map(({ id, column: { columnDef }, getContext }) => (
                <td key={id} className={isNumber(columnDef.meta) ? 'number' : undefined}>
                  {flexRender(columnDef.cell, getContext())}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

/** Reads all pages of a statement, as CSV. */
const readCsv = async (id: string, period: Period): Promise<Blob> => {
  const entries: Entry[] = []
  let cursor: string | undefined
  do {
    const page = await readStatement(id, period, CSV_PAGE, cursor)
    entries.push(...page.entries)
    cursor = page.cursor
  } while (cursor !== undefined && entries.length < CSV_ROWS_MAX)
  return new Blob([csvOf(CSV_COLUMNS, entries)], { type: 'text/csv' })
}

const FILES = { csv: readCsv, pdf: readStatementPdf } as const
type FileKind = keyof typeof FILES

/** Reads the whole statement of a period, and hands it to the browser as a file. */
const download = async (kind: FileKind, id: string, period: Period): Promise<void> => {
  const url = URL.createObjectURL(await FILES[kind](id, period))
  const link = document.createElement('a')
  link.href = url
  // a slash and a colon cannot stand in the names of some file systems
  link.download = `statement-${id.replace('/', '-').replaceAll(':', '_')}.${kind}`
  link.click()
  URL.revokeObjectURL(url)
}

/** The download that is under way, and the problem of the last one. */
const useDownloads = (id: string, period: Period) => {
  const [busy, setBusy] = useState<FileKind>()
  const [problem, setProblem] = useState<unknown>()
  const start = (kind: FileKind): void => {
    // a second click while the first file is made asks for nothing
    if (busy !== undefined) return
    setBusy(kind)
    setProblem(undefined)
    download(kind, id, period)
      .catch(setProblem)
      .finally(() => setBusy(undefined))
  }
  return { busy, problem, start }
}

const DAY_MS = 86_400_000
const endOf = (day: string): string => new Date(Date.parse(day) + DAY_MS).toISOString()

const Statement = ({ id }: { readonly id: string }) => {
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const period: Period = {
    from: from === '' ? undefined : `${from}T00:00:00Z`,
    // the API leaves the end out, and a person means the whole day
    to: to === '' ? undefined : endOf(to),
  }
  const { busy, problem, start } = useDownloads(id, period)
  const statement = useInfiniteQuery({
    queryKey: ['statement', id, from, to],
    initialPageParam: '',
    queryFn: ({ pageParam }) => readStatement(id, period, PAGE, pageParam),
    getNextPageParam: ({ cursor }) => cursor,
  })
  const entries = statement.data?.pages.flatMap(page => page.entries) ?? []
  return (
    <section aria-labelledby="statement">
      <h2 id="statement">Statement</h2>
      <div className="find">
        <Field label="From day (UTC)" type="date" value={from} onChange={setFrom} />
        <Field label="To day (UTC)" type="date" value={to} onChange={setTo} />
        {(['csv', 'pdf'] as const).map(kind => (
          <button
            type="button"
            className="quiet"
            key={kind}
            aria-busy={busy === kind}
            onClick={() => start(kind)}
          >
            Download {kind.toUpperCase()}
          </button>
        ))}
      </div>
      {busy === undefined ? null : <Waiting what={`the entries for the ${busy.toUpperCase()}`} />}
      <Problem error={statement.error ?? problem} />
      {statement.isPending ? <Waiting what="the statement" /> : null}
      {statement.isSuccess && entries.length === 0 ? <p>There are no entries.</p> : null}
      {entries.length === 0 ? null : <Entries entries={entries} />}
      {statement.hasNextPage ? (
        <button
          type="button"
          disabled={statement.isFetchingNextPage}
          onClick={() => void statement.fetchNextPage()}
        >
          Load more
        </button>
      ) : null}
    </section>
  )
}

/** Held money, a limit and a restriction stand there only where the account has them. */
const factsOf = (account: Account): readonly (readonly [string, ReactNode])[] => {
  const { client_id, balance, available, held = 0, limit, state, reason, until } = account
  const { version, seq, others = [] } = account
  const has_rules = BigInt(held) !== 0n || BigInt(limit) !== 0n
  return [
    ['Balance', <strong key="balance">{amountText(balance)}</strong>],
    ...(has_rules
      ? ([
          ['Available', amountText(available ?? balance)],
          ['Held', amountText(held)],
          ['Credit limit', amountText(limit)],
        ] as const)
      : []),
    ...(state === 'active'
      ? []
      : ([
          [
            'State',
            <>
              <State is="warn">{state}</State> {reason ?? ''}
              {until === undefined ? '' : ` until ${timeText(until)}`}
            </>,
          ],
        ] as const)),
    ['Version', version === 0 ? 'no event yet' : version],
    ['Last event', seq === 0 ? 'none' : seq],
    ...others.map(({ asset, balance: other }): readonly [string, ReactNode] => [
      asset ?? 'Default asset',
      <a key="other" href={linkTo('customers', accountName({ client_id, asset }))}>
        {amountText(other)}
      </a>,
    ]),
  ]
}

type Doing = { readonly kind: Kind; readonly subject: Subject }

export const CustomerPage = ({ id, caller }: { readonly id: string; readonly caller: Caller }) => {
  const account = useAccount(id)
  const [doing, setDoing] = useState<Doing>()
  const may_write = caller.scopes.includes('write')
  const begin = (kind: Kind, subject: Subject): void => setDoing({ kind, subject })
  return (
    <>
      <p>
        <a href={linkTo('customers')}>All customers</a>
      </p>
      <h1>Customer {id}</h1>
      <Problem error={account.error} />
      {account.isPending ? <Waiting what="the account" /> : null}
      {account.data === undefined ? null : <Facts facts={factsOf(account.data)} />}
      {account.data?.version === 0 ? (
        <p className="problem">
          The ledger has no event of this customer. Look at the id again before you credit it.
        </p>
      ) : null}
      {may_write ? (
        <p className="buttons">
          {OF_CUSTOMER.map(kind => (
            <button type="button" key={kind} onClick={() => begin(kind, { account: id })}>
              {actionOf(kind).title}
            </button>
          ))}
        </p>
      ) : null}
      {doing === undefined ? null : <ActionDialog {...doing} onClose={() => setDoing(undefined)} />}
      {account.data === undefined ? null : (
        <Holds account={account.data} onAction={may_write ? begin : undefined} />
      )}
      <Statement id={id} />
    </>
  )
}
