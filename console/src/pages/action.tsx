/**
 * A form that moves money. It has two steps: what is to be done, and a confirmation that shows the balance before and after.
 *
 * The idempotency key is made when the form opens, and stays until the form is closed. So a double click, and a second try
 * after a lost answer, are the same transaction, and pay once.
 */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { isOpen, newKey, post } from '../api.js'
import { amountFrom, amountJson, amountText } from '../format.js'
import { type MovementReply, readBalance, sidesOf, type TransferReply } from '../ledger.js'
import { Dialog, Facts, Field, NextButton, Problem } from '../parts.js'
import { linkTo } from '../route.js'

/** What can be done for a customer; another kind of action finds its place in these tables. */
export type Kind = 'credit' | 'debit' | 'transfer'
export const KINDS: readonly { readonly kind: Kind; readonly title: string }[] = [
  { kind: 'credit', title: 'Credit' },
  { kind: 'debit', title: 'Debit' },
  { kind: 'transfer', title: 'Transfer' },
]

type Wish = { readonly amount: bigint; readonly to: string; readonly reference: string }
type Change = { readonly id: string; readonly by: bigint }

const changesOf = (kind: Kind, id: string, { amount, to }: Wish): readonly Change[] => {
  switch (kind) {
    case 'credit':
      return [{ id, by: amount }]
    case 'debit':
      return [{ id, by: -amount }]
    case 'transfer':
      return [
        { id, by: -amount },
        { id: to, by: amount },
      ]
  }
}

const send = (kind: Kind, id: string, wish: Wish, key: string): Promise<MovementReply | TransferReply> => {
  const what = {
    amount: amountJson(wish.amount),
    ...(wish.reference === '' ? {} : { reference: wish.reference }),
  }
  return kind === 'transfer'
    ? post('/v1/transfers', { from: id, to: wish.to, ...what }, key)
    : post(`/v1/customers/${encodeURIComponent(id)}/${kind}s`, what, key)
}

const titleOf = (kind: Kind): string => KINDS.find(one => one.kind === kind)?.title ?? kind

const Ask = ({
  kind,
  id,
  onWish,
  onClose,
}: {
  readonly kind: Kind
  readonly id: string
  readonly onWish: (wish: Wish) => void
  readonly onClose: () => void
}) => {
  const [amount, setAmount] = useState('')
  const [to, setTo] = useState('')
  const [reference, setReference] = useState('')
  const [problem, setProblem] = useState<string>()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const read = amountFrom(amount)
    const is_same = kind === 'transfer' && to.trim() === id
    if (read === undefined) setProblem('The amount must be a whole number of the minor unit, of at least 1.')
    else if (is_same) setProblem('A transfer needs another customer.')
    else onWish({ amount: read, to: to.trim(), reference: reference.trim() })
  }
  return (
    <form onSubmit={submit}>
      {kind === 'transfer' ? (
        <Field label="To customer" value={to} onChange={setTo} required autoFocus />
      ) : null}
      <Field
        label="Amount"
        value={amount}
        onChange={setAmount}
        required
        inputMode="numeric"
        autoFocus={kind !== 'transfer'}
        hint="A whole number of the minor unit."
      />
      <Field
        label="Reference"
        value={reference}
        onChange={setReference}
        hint="What it is for; may be empty."
      />
      {problem === undefined ? null : (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <p className="buttons">
        <button type="submit">Next</button>
        <button type="button" className="quiet" onClick={onClose}>
          Cancel
        </button>
      </p>
    </form>
  )
}

const Preview = ({ changes }: { readonly changes: readonly Change[] }) => {
  const ids = changes.map(({ id }) => id)
  const before = useQuery({
    queryKey: ['preview', ids],
    queryFn: () => Promise.all(ids.map(readBalance)),
    gcTime: 0,
  })
  return (
    <>
      <Problem error={before.error} />
      <table>
        <thead>
          <tr>
            <th scope="col">Customer</th>
            <th scope="col" className="number">
              Balance now
            </th>
            <th scope="col" className="number">
              After
            </th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ id, by }, i) => {
            const now = before.data?.[i]
            const after = now === undefined ? undefined : BigInt(now.balance) + by
            return (
              <tr key={id}>
                <th scope="row">{id}</th>
                <td className="number">{now === undefined ? '…' : amountText(now.balance)}</td>
                <td className={`number ${after !== undefined && after < 0n ? 'problem' : ''}`}>
                  {after === undefined ? '…' : amountText(String(after))}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </>
  )
}

const Done = ({
  reply,
  is_again,
  onClose,
}: {
  readonly reply: MovementReply | TransferReply
  /** It was sent again after a try without an answer. */
  readonly is_again: boolean
  readonly onClose: () => void
}) => (
  <>
    <p role="status">
      {is_again && reply.replayed === true
        ? 'It was carried out before, once; nothing was done again.'
        : 'Carried out.'}
    </p>
    <Facts
      facts={[
        [
          'Transaction',
          <a key="id" className="id" href={linkTo('transaction', reply.transaction_id)}>
            {reply.transaction_id}
          </a>,
        ],
        ...sidesOf(reply).map(
          ({ client_id, balance }) => [`Balance of ${client_id}`, amountText(balance)] as const,
        ),
      ]}
    />
    <p className="buttons">
      <NextButton onClick={onClose}>Close</NextButton>
    </p>
  </>
)

/** The form as a dialog. `onClose` is called when the person is done with it. */
export const ActionDialog = ({
  kind,
  id,
  onClose,
}: {
  readonly kind: Kind
  readonly id: string
  readonly onClose: () => void
}) => {
  const [key] = useState(newKey)
  const [wish, setWish] = useState<Wish>()
  const [is_again, setAgain] = useState(false)
  const cache = useQueryClient()
  const write = useMutation({
    mutationFn: (given: Wish) => send(kind, id, given, key),
    onSettled: () =>
      cache.invalidateQueries({
        predicate: ({ queryKey: [name] }) => name !== 'caller' && name !== 'preview',
      }),
  })
  const is_open = write.isError && isOpen(write.error)
  if (wish === undefined || write.data !== undefined)
    return (
      <Dialog title={`${titleOf(kind)} ${id}`} onClose={onClose}>
        {write.data === undefined ? (
          <Ask kind={kind} id={id} onWish={setWish} onClose={onClose} />
        ) : (
          <Done reply={write.data} is_again={is_again} onClose={onClose} />
        )}
      </Dialog>
    )
  return (
    <Dialog title={`${titleOf(kind)} ${id}`} onClose={onClose}>
      <p>
        {titleOf(kind)} of <strong>{amountText(String(wish.amount))}</strong>
        {wish.reference === '' ? '' : `, for: ${wish.reference}`}
      </p>
      <Preview changes={changesOf(kind, id, wish)} />
      <Problem error={write.error} />
      {is_open ? <p>It may have been carried out. Send it again: the same key pays once.</p> : null}
      <p className="buttons">
        {/* it is not disabled while it is sent: the key alone makes a second click harmless, and keeps the focus */}
        {write.isError && !is_open ? null : (
          <NextButton
            is_busy={write.isPending}
            onClick={() => {
              setAgain(write.isError)
              write.mutate(wish)
            }}
          >
            {is_open ? 'Send again' : `${titleOf(kind)} ${amountText(String(wish.amount))}`}
          </NextButton>
        )}
        <button type="button" className="quiet" onClick={onClose}>
          {write.isError && !is_open ? 'Close' : 'Cancel'}
        </button>
      </p>
    </Dialog>
  )
}
