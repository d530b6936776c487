/** Dead letters: the events that had no effect, why, and what a person decides about each. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { get, post } from '../api.js'
import { timeText } from '../format.js'
import type { Letter } from '../ledger.js'
import { Dialog, Field, NextButton, Problem, Scroll, Waiting } from '../parts.js'
import { linkTo } from '../route.js'

const REFRESH_MS = 3_000
const SUBJECT_PREFIX = 'customer.balance.'

type Decision = 'retry' | 'discard'
type Became = {
  readonly became?: 'applied' | 'refused' | 'unknown'
  readonly seq: number
  readonly reason?: string
}

const outcomeOf = ({ became, seq, reason }: Became): string => {
  switch (became) {
    case 'applied':
      return `It is stored at sequence ${seq} and has its effect.`
    case 'refused':
      return `It is stored at sequence ${seq} and was refused again: ${reason}`
    case 'unknown':
      return `It is stored at sequence ${seq}; the projection has not come to it yet.`
    default:
      return 'The letter is marked as discarded.'
  }
}

const Decide = ({
  letter,
  decision,
  onClose,
}: {
  readonly letter: Letter
  readonly decision: Decision
  readonly onClose: () => void
}) => {
  const [reason, setReason] = useState('')
  const cache = useQueryClient()
  const act = useMutation({
    mutationFn: () =>
      post<Became>(
        `/v1/operations/dead-letters/${letter.seq}/${decision}`,
        reason.trim() === '' ? {} : { reason: reason.trim() },
      ),
    onSettled: () => cache.invalidateQueries({ predicate: ({ queryKey: [name] }) => name !== 'caller' }),
  })
  const title = decision === 'retry' ? 'Retry' : 'Discard'
  return (
    <Dialog title={`${title} the event at sequence ${letter.seq}`} onClose={onClose}>
      <p>
        {decision === 'retry'
          ? 'Its event is published anew, once, under a new transaction id.'
          : 'Nothing is deleted; the letter counts as dealt with.'}
      </p>
      <pre>{letter.body}</pre>
      {act.data === undefined ? (
        <form
          onSubmit={event => {
            event.preventDefault()
            if (!act.isPending) act.mutate()
          }}
        >
          <Field
            label="Reason"
            value={reason}
            onChange={setReason}
            required={decision === 'discard'}
            autoFocus
          />
          <Problem error={act.error} />
          <p className="buttons">
            <button type="submit" aria-busy={act.isPending}>
              {title}
            </button>
            <button type="button" className="quiet" onClick={onClose}>
              Cancel
            </button>
          </p>
        </form>
      ) : (
        <>
          <p role="status">{outcomeOf(act.data)}</p>
          <p className="buttons">
            <NextButton onClick={onClose}>Close</NextButton>
          </p>
        </>
      )}
    </Dialog>
  )
}

const Customer = ({ subject }: Pick<Letter, 'subject'>) => {
  const id = subject.startsWith(SUBJECT_PREFIX) ? subject.slice(SUBJECT_PREFIX.length) : ''
  return id === '' || id.includes('.') ? subject : <a href={linkTo('customers', id)}>{id}</a>
}

export const Letters = () => {
  const [chosen, setChosen] = useState<{ readonly letter: Letter; readonly decision: Decision }>()
  const list = useQuery({
    queryKey: ['operations', 'letters'],
    queryFn: () =>
      get<{ readonly letters: readonly Letter[] }>('/v1/operations/dead-letters', { limit: 100 }),
    refetchInterval: REFRESH_MS,
  })
  const letters = list.data?.letters ?? []
  return (
    <section aria-labelledby="letters">
      <h2 id="letters">Dead letters</h2>
      <Problem error={list.error} />
      {list.isPending ? <Waiting what="the dead letters" /> : null}
      {list.isSuccess && letters.length === 0 ? <p>None is open.</p> : null}
      {letters.length === 0 ? null : (
        <Scroll label="Dead letters">
          <table>
            <thead>
              <tr>
                <th scope="col" className="number">
                  Event
                </th>
                <th scope="col">Stored (UTC)</th>
                <th scope="col">Customer</th>
                <th scope="col">Reason</th>
                <th scope="col">Decide</th>
              </tr>
            </thead>
            <tbody>
              {letters.map(letter => (
                <tr key={`${letter.seq} ${letter.reason}`}>
                  <td className="number">{letter.seq}</td>
                  <td>{timeText(letter.at)}</td>
                  <td>
                    <Customer subject={letter.subject} />
                  </td>
                  <td>
                    {letter.reason}: {letter.detail}
                  </td>
                  <td>
                    {(['retry', 'discard'] as const).map(decision => (
                      <button
                        type="button"
                        className="quiet"
                        key={decision}
                        aria-label={`${decision === 'retry' ? 'Retry' : 'Discard'} event ${letter.seq}`}
                        onClick={() => setChosen({ letter, decision })}
                      >
                        {decision === 'retry' ? 'Retry' : 'Discard'}
                      </button>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {chosen === undefined ? null : <Decide {...chosen} onClose={() => setChosen(undefined)} />}
    </section>
  )
}
