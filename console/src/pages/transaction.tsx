/** Everything about one transaction: what became of it, on which sides, and who asked for it. */

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { accountName } from '../account-name.js'
import { get, Refused } from '../api.js'
import { amountText } from '../format.js'
import { type Caller, sidesOf, type Transaction } from '../ledger.js'
import { Facts, Field, Problem, Scroll, State, Waiting } from '../parts.js'
import { goTo, linkTo } from '../route.js'
import { ActionDialog } from './action.js'
import { Why } from './why.js'

const Sides = ({ reply }: Required<Pick<Transaction, 'reply'>>) => {
  const names = 'from' in reply ? ['From', 'To'] : ['Customer']
  return (
    <Scroll label="Sides of the transaction">
      <table>
        <thead>
          <tr>
            <th scope="col">Side</th>
            <th scope="col">Customer</th>
            <th scope="col" className="number">
              Balance after
            </th>
            <th scope="col" className="number">
              Version
            </th>
            <th scope="col" className="number">
              Sequence
            </th>
          </tr>
        </thead>
        <tbody>
          {sidesOf(reply).map(({ client_id, asset, balance, version, seq }, i) => (
            <tr key={seq}>
              <td>{names[i]}</td>
              <th scope="row">
                <a href={linkTo('customers', accountName({ client_id, asset }))}>
                  {accountName({ client_id, asset })}
                </a>
              </th>
              <td className="number">{amountText(balance)}</td>
              <td className="number">{version}</td>
              <td className="number">{seq}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

/** Gives the money back, or a part of it. What cannot be reversed the ledger says in the confirmation. */
const Reverse = ({ transaction_id, reply }: Required<Pick<Transaction, 'transaction_id' | 'reply'>>) => {
  const [is_open, setOpen] = useState(false)
  const [side] = sidesOf(reply)
  const account = side === undefined ? '' : accountName(side)
  return (
    <p className="buttons">
      <button type="button" onClick={() => setOpen(true)}>
        Reverse
      </button>
      {is_open ? (
        <ActionDialog kind="reverse" subject={{ account, transaction_id }} onClose={() => setOpen(false)} />
      ) : null}
    </p>
  )
}

const Found = ({ found, may_write }: { readonly found: Transaction; readonly may_write: boolean }) => (
  <section className="panel">
    <h2>{found.transaction_id}</h2>
    <Facts
      facts={[
        [
          'Outcome',
          found.status === 'committed' ? (
            <State key="good" is="good">
              carried out
            </State>
          ) : (
            <State key="bad" is="bad">
              refused
            </State>
          ),
        ],
        ['Asked for by', found.by ?? 'not recorded'],
        ...(found.error === undefined
          ? []
          : [['Why', `${found.error.message ?? ''} (${found.error.code})`] as const]),
      ]}
    />
    {found.reply === undefined ? null : <Sides reply={found.reply} />}
    {found.reply === undefined || !may_write ? null : (
      <Reverse transaction_id={found.transaction_id} reply={found.reply} />
    )}
  </section>
)

export const TransactionPage = ({
  id,
  caller,
}: {
  readonly id: string | undefined
  readonly caller: Caller
}) => {
  const [text, setText] = useState(id ?? '')
  const found = useQuery({
    queryKey: ['transaction', id],
    enabled: id !== undefined,
    queryFn: () => get<Transaction>(`/v1/transactions/${encodeURIComponent(id ?? '')}`),
  })
  const is_absent = found.error instanceof Refused && found.error.status === 404
  return (
    <>
      <h1>Transaction</h1>
      <search>
        <form
          className="find"
          onSubmit={event => {
            event.preventDefault()
            if (text.trim() !== '') goTo('transaction', text.trim())
          }}
        >
          <Field label="Transaction id" value={text} onChange={setText} required />
          <button type="submit">Open</button>
        </form>
      </search>
      {id !== undefined && found.isPending ? <Waiting what="the transaction" /> : null}
      {is_absent ? (
        <p role="status">The ledger holds no transaction {id}.</p>
      ) : (
        <Problem error={found.error} />
      )}
      {found.data === undefined ? null : (
        <>
          <Found found={found.data} may_write={caller.scopes.includes('write')} />
          <Why id={found.data.transaction_id} />
        </>
      )}
    </>
  )
}
