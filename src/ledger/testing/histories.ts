/**
 * Random histories of customers: events of every type and schema, with times that go back and forth within and beyond the
 * minute that a claimed time may differ.
 */

import fc from 'fast-check'

/** The body of a valid event, as JSON. */
export type Body = {
  readonly schema: 1 | 2
  readonly type: 'credit' | 'debit' | 'hold' | 'release' | 'limit' | 'state' | 'declined'
  readonly amount?: number | string
  readonly transaction_id?: string
  readonly hold?: string
  readonly final?: boolean
  readonly expired?: true
  readonly expires_at?: string
  readonly limit?: number | string
  readonly state?: string
  readonly reason?: string
  readonly until?: string
  readonly at?: string
}

export type Message = {
  readonly id: string
  readonly seq: number
  readonly at: Date
  readonly text: string
  /** Absent for a text that is no event. */
  readonly body?: Body
}

/** Chooses again and again by the digits of one number, so that a smaller number makes simpler choices. */
type Choose = <A>(options: readonly A[]) => A

const chooserOf = (entropy: number): Choose => {
  let rest = entropy
  return <A>(options: readonly A[]): A => {
    const chosen = options[rest % options.length]
    rest = Math.floor(rest / options.length)
    return chosen as A
  }
}

const BEGIN_MS = Date.UTC(2026, 10, 27, 10)
const STEPS_MS = [1_000, 0, 1_000, 10_000, 59_999, 60_001, 180_000, -30_000, -90_000]
const CLAIMS_MS = [
  undefined,
  undefined,
  0,
  -30_000,
  30_000,
  -60_000,
  60_000,
  -60_001,
  60_001,
  -600_000,
  600_000,
]
const ENDS_MS = [
  ...[3_600_000, 600_000, 3_600_000, 300_000, 7_200_000, 600_000, 60_000, 10_000, 60_001, 1, 0, -1, -90_000],
]
const LARGEST = '9223372036854775807'
const CREDITS = [100, 20, 1_000, 5, '7', 50, 2, LARGEST]
const DEBITS = [5, 20, 1, 100, '7', LARGEST]
const SET_ASIDE = [20, 10, 5, 100, 20, '7', 1, LARGEST]
const TAKEN = [5, 1, 10, 20, 2, '7', 100]
const LIMITS = [0, 5, 50, 0, '10', LARGEST]
const HOLDS = ['h1', 'h1', 'h1', 'h2']
const REASONS = ['fraud', 'a "quoted"\nreason\u2028\ud800', 'x'.repeat(256)]
const STATES = ['active', 'no_debit', 'no_credit', 'frozen', 'closed', 'active']
const KINDS = [
  ...([
    'credit',
    'hold',
    'capture',
    'hold',
    'capture',
    'release',
    'capture',
    'credit 1',
    'hold',
    'release',
  ] as const),
  ...([
    'credit',
    'hold',
    'capture',
    'debit',
    'expiry',
    'limit',
    'expiry',
    'debit 1',
    'state',
    'declined',
  ] as const),
  ...([
    'credit',
    'hold',
    'capture',
    'debit',
    'capture',
    'limit',
    'release',
    'credit 1',
    'state',
    'odd',
  ] as const),
]
/** Texts that are no event: most are malformed, and the last ones come from a later program. */
const ODD = [
  'not JSON',
  '{"schema":2,"type":"hold","amount":1,"transaction_id":"h1"}',
  '{"schema":2,"type":"debit","amount":1,"final":true}',
  '{"schema":2,"type":"release","hold":"h1","amount":1,"expired":true}',
  '{"schema":2,"type":"state","state":"active","reason":"r","until":"2026-11-27T10:00:00.000Z"}',
  '{"schema":2,"type":"state","state":"frozen","reason":""}',
  '{"schema":2,"type":"limit","limit":-1}',
  '{"schema":2,"type":"declined"}',
  '{"type":"hold","amount":1,"transaction_id":"h1","expires_at":"2026-11-28T10:00:00.000Z"}',
  '{"schema":2,"type":"credit","amount":1,"lot":{}}',
  '{"schema":2,"type":"state","state":"gone","reason":"r"}',
]

const timeText = (ms: number): string => new Date(ms).toISOString()

type Kind = (typeof KINDS)[number]

/** The fields that tell the kind of an event, without its shared ones. */
const ownFields = (kind: Exclude<Kind, 'odd'>, choose: Choose, stored_ms: number): Body => {
  const ends = (): string => timeText(stored_ms + choose(ENDS_MS))
  const schema = 2
  switch (kind) {
    case 'credit 1':
      return { schema: 1, type: 'credit', amount: choose(CREDITS) }
    case 'debit 1':
      // schema 1 has no holds: the field is ignored
      return { schema: 1, type: 'debit', amount: choose(DEBITS), ...choose([{}, { hold: 'h1' }]) }
    case 'credit':
      return { schema, type: kind, amount: choose(CREDITS) }
    case 'debit':
      return { schema, type: kind, amount: choose(DEBITS) }
    case 'hold':
      return {
        schema,
        type: kind,
        amount: choose(SET_ASIDE),
        transaction_id: choose(HOLDS),
        expires_at: ends(),
      }
    case 'capture': {
      const final = choose([{ final: false }, {}, { final: false }, { final: true }])
      return { schema, type: 'debit', amount: choose(TAKEN), hold: choose(HOLDS), ...final }
    }
    case 'release':
      return { schema, type: kind, hold: choose(HOLDS), ...choose([{ amount: choose(TAKEN) }, {}]) }
    case 'expiry':
      return { schema, type: 'release', hold: choose(HOLDS), expired: true }
    case 'limit':
      return { schema, type: kind, limit: choose(LIMITS) }
    case 'state': {
      const state = choose(STATES)
      const until = state === 'active' ? {} : choose([{}, { until: ends() }])
      return { schema, type: kind, state, reason: choose(REASONS), ...until }
    }
    case 'declined':
      return {
        schema,
        type: kind,
        ...choose([{ amount: 5 }, { hold: 'h1' }, { limit: 5 }, { state: 'closed' }]),
      }
  }
}

const messageOf = (seq: number, stored_ms: number, entropy: readonly [number, number]): Message => {
  const [choose, chooseOwn] = [chooserOf(entropy[0]), chooserOf(entropy[1])]
  const kind = choose(KINDS)
  const id = choose(['a', 'a', 'a', 'a', 'b'])
  const place = { id, seq, at: new Date(stored_ms) }
  if (kind === 'odd') return { ...place, text: chooseOwn(ODD) }
  const own = ownFields(kind, chooseOwn, stored_ms)
  const claim_ms = choose(CLAIMS_MS)
  const body = claim_ms === undefined ? own : { ...own, at: timeText(stored_ms + claim_ms) }
  return { ...place, text: JSON.stringify(body), body }
}

const ENTROPY = fc.nat(0x7fff_ffff)

/** Every history begins with some money, since without it most events are refused. */
const FIRST: Body = { schema: 1, type: 'credit', amount: 500 }

const historyOf = (steps_ms: readonly number[]): fc.Arbitrary<readonly Message[]> =>
  fc
    .array(fc.tuple(ENTROPY, ENTROPY, fc.constantFrom(...steps_ms)), {
      minLength: 3,
      maxLength: 24,
      size: 'max',
    })
    .map(entropies => {
      let stored_ms = BEGIN_MS
      const later = entropies.map(([first, second, step_ms], i) => {
        stored_ms += step_ms
        return messageOf(i + 2, stored_ms, [first, second])
      })
      return [{ id: 'a', seq: 1, at: new Date(BEGIN_MS), text: JSON.stringify(FIRST), body: FIRST }, ...later]
    })

/** Histories by how the stream's timestamps go on; they go back when a leader's clock is behind that of the one before. */
export const arbitraryHistory = historyOf(STEPS_MS)
export const arbitrarySteadyHistory = historyOf(STEPS_MS.filter(step_ms => step_ms >= 0))
export const arbitraryLeapingHistory = historyOf([0, 0, 1, 3_600_000, -3_600_000])
