/**
 * A form that moves money. It has two steps: what is to be done, and a confirmation that shows the balance before and after.
 *
 * The idempotency key is made when the form opens, and stays until the form is closed. So a double click, and a second try
 * after a lost answer, are the same transaction, and pay once.
 */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { accountName } from '../account-name.js'
import {
  actionOf,
  beginOf,
  type FieldName,
  type Kind,
  STATES,
  type Subject,
  type Texts,
  wordsOf,
  wrongIn,
} from '../actions.js'
import { isOpen, newKey, Refused, write } from '../api.js'
import { type Account, type MovementReply, readAccount, sidesOf, type TransferReply } from '../ledger.js'
import { Choice, Dialog, Facts, Field, NextButton, Problem, standingText } from '../parts.js'
import { linkTo } from '../route.js'

type Reply = MovementReply | TransferReply

const send = (kind: Kind, subject: Subject, texts: Texts, key: string, more: object = {}): Promise<Reply> => {
  const { method, path, body } = actionOf(kind).command(subject, texts)
  return write<Reply>(method, path, { ...body, ...more }, key)
}

const LABELS: Readonly<Record<FieldName, readonly [label: string, hint?: string]>> = {
  to: ['To customer'],
  amount: ['Amount', 'A whole number of the minor unit.'],
  rest: ['Amount', 'A whole number of the minor unit; empty for all that is left.'],
  limit: ['Credit limit', 'How far below 0 the balance may fall; 0 takes the limit away.'],
  state: ['State'],
  reason: ['Reason', 'Why; everybody who is refused sees it.'],
  days: ['Days', 'After so many days the hold ends by itself.'],
  reference: ['Reference', 'What it is for; may be empty.'],
}
const NUMBERS: readonly FieldName[] = ['amount', 'rest', 'limit', 'days']
const NEEDED: readonly FieldName[] = ['to', 'amount', 'limit', 'reason', 'days']

const Ask = ({
  kind,
  subject,
  onTexts,
  onClose,
}: {
  readonly kind: Kind
  readonly subject: Subject
  readonly onTexts: (texts: Texts) => void
  readonly onClose: () => void
}) => {
  const [texts, setTexts] = useState(() => beginOf(kind, subject))
  const [problem, setProblem] = useState<string>()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const wrong = wrongIn(kind, subject, texts)
    setProblem(wrong)
    if (wrong === undefined) onTexts(texts)
  }
  return (
    <form onSubmit={submit}>
      {actionOf(kind).fields.map((name, i) => {
        const [label, hint] = LABELS[name]
        const set = (text: string): void => setTexts({ ...texts, [name]: text })
        if (name === 'state')
          return <Choice key={name} label={label} value={texts.state ?? ''} onChange={set} of={STATES} />
        return (
          <Field
            key={name}
            label={label}
            {...(hint === undefined ? {} : { hint })}
            value={texts[name] ?? ''}
            onChange={set}
            required={NEEDED.includes(name)}
            maxLength={256}
            autoFocus={i === 0}
            {...(NUMBERS.includes(name) ? { inputMode: 'numeric' } : {})}
          />
        )
      })}
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

/** What the ledger says would happen: it decides as it would decide now, and stores nothing. */
const Preview = ({ would, before }: { readonly would: Reply; readonly before: readonly Account[] }) => (
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
      {sidesOf(would).map((side, i) => {
        const now = before[i]
        return (
          <tr key={accountName(side)}>
            <th scope="row">{accountName(side)}</th>
            <td className="number">{now === undefined ? '…' : standingText(now)}</td>
            <td className="number">{standingText(side)}</td>
          </tr>
        )
      })}
    </tbody>
  </table>
)

const Done = ({
  reply,
  is_again,
  onClose,
}: {
  readonly reply: Reply
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
        ...sidesOf(reply).map(side => [`Balance of ${accountName(side)}`, standingText(side)] as const),
      ]}
    />
    <p className="buttons">
      <NextButton onClick={onClose}>Close</NextButton>
    </p>
  </>
)

/** What the person wants, in one sentence. */
const Wish = ({ words, texts }: { readonly words: string; readonly texts: Texts }) => {
  const { reference = '', reason = '', to = '' } = texts
  return (
    <p>
      <strong>{words}</strong>
      {to === '' ? '' : ` to ${to.trim()}`}
      {reason === '' ? '' : `, because: ${reason}`}
      {reference === '' ? '' : `, for: ${reference}`}
    </p>
  )
}

/** The confirmation: what would happen now, and the button that does it. */
const Confirm = ({
  kind,
  subject,
  texts,
  idempotency_key,
  onDone,
  onClose,
}: {
  readonly kind: Kind
  readonly subject: Subject
  readonly texts: Texts
  readonly idempotency_key: string
  readonly onDone: (reply: Reply, is_again: boolean) => void
  readonly onClose: () => void
}) => {
  const [is_again, setAgain] = useState(false)
  const cache = useQueryClient()
  const preview = useQuery({
    queryKey: ['preview', kind, subject, texts],
    queryFn: async () => {
      // the same key would say that it is known already, once it is carried out
      const would = await send(kind, subject, texts, newKey(), { dry_run: true })
      const before = await Promise.all(sidesOf(would).map(side => readAccount(accountName(side))))
      return { would, before }
    },
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const action = useMutation({
    mutationFn: () => send(kind, subject, texts, idempotency_key),
    onSuccess: reply => onDone(reply, is_again),
    onSettled: () =>
      cache.invalidateQueries({
        predicate: ({ queryKey: [name] }) => name !== 'caller' && name !== 'preview',
      }),
  })
  const is_open = action.isError && isOpen(action.error)
  const words = wordsOf(kind, texts)
  // a refusal is final for this form; a preview without an answer says nothing about the action
  const is_over = action.isError ? !is_open : preview.error instanceof Refused
  return (
    <>
      <Wish words={words} texts={texts} />
      {preview.data === undefined ? null : <Preview {...preview.data} />}
      {preview.isPending ? <p role="status">Asking the ledger what would happen …</p> : null}
      <Problem error={action.error ?? preview.error} />
      {is_open ? <p>It may have been carried out. Send it again: the same key pays once.</p> : null}
      <p className="buttons">
        {/* it is not disabled while it is sent: the key alone makes a second click harmless, and keeps the focus */}
        {preview.isPending || is_over ? null : (
          <NextButton
            is_busy={action.isPending}
            onClick={() => {
              setAgain(action.isError)
              action.mutate()
            }}
          >
            {is_open ? 'Send again' : words}
          </NextButton>
        )}
        <button type="button" className="quiet" onClick={onClose}>
          {is_over ? 'Close' : 'Cancel'}
        </button>
      </p>
    </>
  )
}

/** The form as a dialog. `onClose` is called when the person is done with it. */
export const ActionDialog = ({
  kind,
  subject,
  onClose,
}: {
  readonly kind: Kind
  readonly subject: Subject
  readonly onClose: () => void
}) => {
  const [idempotency_key] = useState(newKey)
  const [texts, setTexts] = useState<Texts>()
  const [done, setDone] = useState<{ readonly reply: Reply; readonly is_again: boolean }>()
  const of = subject.hold ?? subject.transaction_id ?? subject.account
  return (
    <Dialog title={`${actionOf(kind).title} ${of}`} onClose={onClose}>
      {done !== undefined ? (
        <Done {...done} onClose={onClose} />
      ) : texts === undefined ? (
        <Ask kind={kind} subject={subject} onTexts={setTexts} onClose={onClose} />
      ) : (
        <Confirm
          kind={kind}
          subject={subject}
          texts={texts}
          idempotency_key={idempotency_key}
          onDone={(reply, is_again) => setDone({ reply, is_again })}
          onClose={onClose}
        />
      )}
    </Dialog>
  )
}
