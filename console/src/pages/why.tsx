/** Why a transaction had its effect, or none: the account before each of its events, what was asked, and the account after. */

import { useQuery } from '@tanstack/react-query'
import { accountName } from '../account-name.js'
import { type Amount, get } from '../api.js'
import { amountText, timeText } from '../format.js'
import type { Standing } from '../ledger.js'
import { Facts, Problem, standingText, Waiting } from '../parts.js'

type Then = Standing & { readonly limit: Amount; readonly state: string }
type Explained = {
  readonly seq: number
  readonly at: string
  readonly outcome: 'applied' | 'refused' | 'declined' | 'waits' | 'decision'
  readonly rule: string
  readonly client_id?: string
  readonly asset?: string
  readonly code?: string
  readonly refused_by?: string
  readonly event?: { readonly type?: string }
  readonly wanted?: { readonly type?: string }
  readonly counted?: {
    readonly amount?: Amount
    readonly available?: Amount
    readonly hold_was?: string
    readonly ended_by?: string
    readonly ended_at?: string
  }
  readonly before?: Then
  readonly after?: Then
}

const OUTCOMES: Readonly<Record<Explained['outcome'], string>> = {
  applied: 'It counts',
  refused: 'It has no effect, and is a dead letter',
  declined: 'The command was refused',
  waits: 'It waits for a newer program',
  decision: 'It says that another event does not count',
}

const endOfHold = ({ hold_was = '', ended_by, ended_at }: NonNullable<Explained['counted']>): string => {
  const by = ended_by === undefined ? '' : `, by ${ended_by}`
  const at = ended_at === undefined ? '' : `, at ${timeText(ended_at)} UTC`
  return `${hold_was.replace('_', ' ')}${by}${at}`
}

const factsOf = ({
  before,
  after,
  counted = {},
  code,
}: Explained): readonly (readonly [string, string])[] => [
  ...(code === undefined ? [] : [['Code', code] as const]),
  ...(counted.amount === undefined ? [] : [['Amount', amountText(counted.amount)] as const]),
  ...(counted.available === undefined ? [] : [['Available then', amountText(counted.available)] as const]),
  ...(counted.hold_was === undefined ? [] : [['The hold was', endOfHold(counted)] as const]),
  ...(before === undefined ? [] : [['Balance before', standingText(before)] as const]),
  ...(before === undefined || before.state === 'active' ? [] : [['State before', before.state] as const]),
  ...(after === undefined ? [] : [['Balance after', standingText(after)] as const]),
]

const Event = ({ event }: { readonly event: Explained }) => {
  const { client_id, asset, refused_by = client_id, wanted = event.event, seq, at, outcome, rule } = event
  return (
    <li>
      <p>
        <strong>
          {wanted?.type ?? 'An event'}
          {refused_by === undefined ? '' : ` of ${accountName({ client_id: refused_by, asset })}`}
        </strong>{' '}
        at sequence {seq}, {timeText(at)} UTC
      </p>
      <p>
        {OUTCOMES[outcome]}: {rule}
      </p>
      <Facts facts={factsOf(event)} />
    </li>
  )
}

export const Why = ({ id }: { readonly id: string }) => {
  const why = useQuery({
    queryKey: ['why', id],
    queryFn: () =>
      get<{ readonly events: readonly Explained[] }>(`/v1/transactions/${encodeURIComponent(id)}/explain`),
  })
  return (
    <section aria-labelledby="why">
      <h2 id="why">Why?</h2>
      <Problem error={why.error} />
      {why.isPending ? <Waiting what="the events" /> : null}
      <ol className="why">
        {why.data?.events.map(event => (
          <Event key={event.seq} event={event} />
        ))}
      </ol>
    </section>
  )
}
