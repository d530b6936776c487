/**
 * The events as they are stored, with a chart of each minute.
 *
 * Sequences of the whole stream follow each other, so a missing one would show; a customer's versions do, too, and are looked at
 * as a second proof.
 */

import { useEffect, useMemo, useRef, useState } from 'react'
import { accountName } from '../account-name.js'
import { Chart } from '../chart.js'
import { type FollowState, followEvents, type LedgerEvent } from '../events.js'
import { amountText, countText, timeText } from '../format.js'
import { Scroll, State } from '../parts.js'
import { linkTo } from '../route.js'

const SHOWN_MAX = 200
const MINUTES = 30
const MINUTE_MS = 60_000

/** The counts of one minute, by what happened. */
type Minute = { readonly credits: number; readonly debits: number; readonly refusals: number }
const NONE: Minute = { credits: 0, debits: 0, refusals: 0 }

type Seen = {
  readonly events: readonly LedgerEvent[]
  readonly minutes: ReadonlyMap<number, Minute>
  readonly count: number
  /** The sequences and versions that were missing between two events. */
  readonly gaps: readonly string[]
  readonly versions: ReadonlyMap<string, number>
}

const NOTHING: Seen = { events: [], minutes: new Map(), count: 0, gaps: [], versions: new Map() }

const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS)

const countOf = (minute: Minute, { type }: LedgerEvent): Minute => {
  if (type === 'credit') return { ...minute, credits: minute.credits + 1 }
  if (type === 'debit') return { ...minute, debits: minute.debits + 1 }
  return { ...minute, refusals: minute.refusals + 1 }
}

const nameOf = ({ client_id = '', asset }: LedgerEvent): string => accountName({ client_id, asset })

/** What is missing before an event; undefined when it follows what was seen. */
const gapBefore = (
  event: LedgerEvent,
  before: LedgerEvent | undefined,
  version: number | undefined,
): string | undefined => {
  if (before !== undefined && event.seq !== before.seq + 1)
    return `sequences ${before.seq + 1} to ${event.seq - 1} are missing`
  if (version !== undefined && event.version !== undefined && event.version > version + 1)
    return `customer ${nameOf(event)}: versions ${version + 1} to ${event.version - 1} have no event here`
  return undefined
}

const take = (seen: Seen, events: readonly LedgerEvent[]): Seen => {
  const minutes = new Map(seen.minutes)
  const versions = new Map(seen.versions)
  const gaps = [...seen.gaps]
  let before = seen.events[0]
  for (const event of events) {
    const id = nameOf(event)
    const gap = gapBefore(event, before, versions.get(id))
    if (gap !== undefined) gaps.push(gap)
    // an event that was published raw says no version: then nothing is known of the customer's next one
    if (event.version === undefined) versions.delete(id)
    else versions.set(id, event.version)
    const minute = minuteOf(Date.parse(event.at))
    minutes.set(minute, countOf(minutes.get(minute) ?? NONE, event))
    before = event
  }
  const oldest = minuteOf(Date.now()) - MINUTES
  for (const minute of minutes.keys()) if (minute < oldest) minutes.delete(minute)
  return {
    events: [...[...events].reverse(), ...seen.events].slice(0, SHOWN_MAX),
    minutes,
    versions: versions.size > 10_000 ? new Map() : versions,
    count: seen.count + events.length,
    gaps: gaps.slice(-5),
  }
}

const StateLine = ({ state }: { readonly state: FollowState }) => {
  switch (state.tag) {
    case 'connecting':
      return <State is="plain">connecting</State>
    case 'live':
      return <State is="good">live, at sequence {countText(state.seq)}</State>
    case 'waiting':
      return <State is="warn">coming back soon: {state.why}</State>
    case 'refused':
      return <State is="bad">{state.why}</State>
  }
}

const useFollow = (is_paused: boolean) => {
  const [seen, setSeen] = useState<Seen>(NOTHING)
  const [state, setState] = useState<FollowState>({ tag: 'connecting' })
  const place = useRef<number>(undefined)
  useEffect(() => {
    if (is_paused) return
    const ending = new AbortController()
    void followEvents({
      after_seq: place.current,
      signal: ending.signal,
      onEvents: events => setSeen(before => take(before, events)),
      onState: next => {
        if (next.tag === 'live') place.current = next.seq
        setState(next)
      },
    })
    return () => ending.abort()
  }, [is_paused])
  return { seen, state }
}

const Events = ({ events }: { readonly events: readonly LedgerEvent[] }) => (
  <Scroll label="Events">
    <table>
      <thead>
        <tr>
          <th scope="col" className="number">
            Sequence
          </th>
          <th scope="col">Stored (UTC)</th>
          <th scope="col">Type</th>
          <th scope="col">Customer</th>
          <th scope="col" className="number">
            Amount
          </th>
          <th scope="col" className="number">
            Balance after
          </th>
          <th scope="col">Transaction</th>
          <th scope="col">By</th>
        </tr>
      </thead>
      <tbody>
        {events.map(event => (
          <tr key={event.seq}>
            <td className="number">{event.seq}</td>
            <td>{timeText(event.at)}</td>
            <td>{event.code === undefined ? event.type : `${event.type}: ${event.code}`}</td>
            <td>
              {event.client_id === undefined ? null : (
                <a href={linkTo('customers', nameOf(event))}>{nameOf(event)}</a>
              )}
            </td>
            <td className="number">{event.amount === undefined ? '' : amountText(event.amount)}</td>
            <td className="number">{event.balance === undefined ? '' : amountText(event.balance)}</td>
            <td>
              {event.transaction_id === undefined ? null : (
                <a className="id" href={linkTo('transaction', event.transaction_id)}>
                  {event.transaction_id}
                </a>
              )}
            </td>
            <td>{event.by}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
)

export const LivePage = () => {
  const [is_paused, setPaused] = useState(false)
  const { seen, state } = useFollow(is_paused)
  const now = minuteOf(Date.now())
  const minutes = useMemo(() => Array.from({ length: MINUTES }, (_, i) => now - MINUTES + 1 + i), [now])
  const valuesOf = (name: keyof Minute) => minutes.map(minute => seen.minutes.get(minute)?.[name] ?? 0)
  return (
    <>
      <h1>Live</h1>
      <p role="status">
        {is_paused ? <State is="plain">paused</State> : <StateLine state={state} />} {countText(seen.count)}{' '}
        events seen,{' '}
        {seen.gaps.length === 0 ? 'none missing' : <State is="bad">{seen.gaps.join('; ')}</State>}
      </p>
      <button type="button" aria-pressed={is_paused} onClick={() => setPaused(!is_paused)}>
        {is_paused ? 'Go on' : 'Pause'}
      </button>
      <h2>Each minute</h2>
      <Chart
        label="Credits, debits and refusals of each of the last 30 minutes"
        times_s={minutes.map(minute => (minute * MINUTE_MS) / 1_000)}
        series={[
          { label: 'credits', values: valuesOf('credits') },
          { label: 'debits', values: valuesOf('debits') },
          { label: 'refusals and others', values: valuesOf('refusals') },
        ]}
      />
      <h2>Events, newest first</h2>
      {seen.events.length === 0 ? (
        <p>Nothing was stored since this page was opened.</p>
      ) : (
        <Events events={seen.events} />
      )}
    </>
  )
}
