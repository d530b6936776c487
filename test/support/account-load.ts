/**
 * A load of stories about accounts: each story holds money, captures it in parts and once too often, releases it, and meanwhile
 * debits, transfers, takes both back more than once, sets a limit and a restriction. Several processes send the commands of one story at about the same
 * time, so they race. The same commands in every run.
 */

import { ACCOUNTS, FUNDS } from './command-load.js'

type Fields = Readonly<Record<string, string | number | boolean>>
export type AccountCommand = {
  readonly type: string
  /** The caller's own id; of a reversal it is the `reversal_id`. */
  readonly transaction_id: string
  readonly fields: Fields
}

/** The body of a request. */
export const bodyOfCommand = ({ type, transaction_id, fields }: AccountCommand): string =>
  JSON.stringify(
    type === 'reverse' ? { ...fields, reversal_id: transaction_id } : { ...fields, transaction_id },
  )

const account = (n: number): string => `acc-${n % ACCOUNTS}`
const RESTRICTED = ['no_debit', 'no_credit', 'frozen']
const SHORT_S = 1

/** What a story is about; every story has the same steps. */
type Story = {
  readonly s: number
  readonly a: string
  readonly b: string
  readonly id: string
  readonly held: number
  /** The ids of the story's debit and transfer. */
  readonly paid: readonly [debit: string, transfer: string]
}

const idAt = (n: number): string => `story-${n}`

const capture = ({ a, id }: Story, more: Fields): Fields => ({ client_id: a, hold: id, ...more })

const [DEBIT_STEP, TRANSFER_STEP] = [6, 7]

const STEPS: readonly (readonly [type: string, fieldsOf: (story: Story) => Fields])[] = [
  ['credit', ({ s, a }) => ({ client_id: a, amount: 20 + ((s * 131) % 120) })],
  [
    'hold',
    ({ s, a, held }) => ({ client_id: a, amount: held, ...(s % 5 === 0 ? { expires_in: SHORT_S } : {}) }),
  ],
  [
    'capture',
    story =>
      capture(story, {
        amount: Math.ceil(story.held / 2),
        final: false,
        ...(story.s % 3 === 0 ? { to: story.b } : {}),
      }),
  ],
  // every fourth story asks for more than was ever held
  [
    'capture',
    story => capture(story, { amount: story.s % 4 === 0 ? story.held + 1 : Math.floor(story.held / 2) }),
  ],
  ['capture', story => capture(story, {})],
  ['release', story => capture(story, {})],
  ['debit', ({ s, a }) => ({ client_id: a, amount: 1 + ((s * 389) % 400) })],
  ['transfer', ({ s, a, b }) => ({ from: a, to: b, amount: 1 + ((s * 71) % 120) })],
  ['limit', ({ s, a }) => ({ client_id: a, limit: (s % 3) * 200 })],
  ['restrict', ({ s, a }) => ({ client_id: a, state: RESTRICTED[s % 3] ?? '', reason: `story ${s}` })],
  ['debit', ({ a }) => ({ client_id: a, amount: 5 })],
  ['reverse', ({ paid: [debit] }) => ({ transaction_id: debit, amount: 1 })],
  ['reverse', ({ paid: [debit] }) => ({ transaction_id: debit })],
  ['reverse', ({ paid: [, transfer] }) => ({ transaction_id: transfer })],
  ['reverse', ({ paid: [, transfer] }) => ({ transaction_id: transfer, amount: 1 })],
  ['restrict', ({ s, a }) => ({ client_id: a, state: 'active', reason: `story ${s} is over` })],
]

/** The `n`th command of the load. The id of a hold is that of its command. */
export const nthOfStories = (n: number): AccountCommand => {
  const [s, at] = [Math.floor(n / STEPS.length), n % STEPS.length]
  const first = s * STEPS.length
  const story: Story = {
    ...{ s, a: account(s * 7), b: account(s * 7 + 1 + (s % (ACCOUNTS - 1))) },
    ...{ id: idAt(first + 1), held: 2 + ((s * 389) % 300) },
    paid: [idAt(first + DEBIT_STEP), idAt(first + TRANSFER_STEP)],
  }
  const [type, fieldsOf] = STEPS[at] ?? ['credit', () => ({})]
  return { type, transaction_id: idAt(n), fields: fieldsOf(story) }
}

/** The commands that give every account its funds; they come before the stories. */
export const FUNDING: readonly AccountCommand[] = Array.from({ length: ACCOUNTS }, (_, n) => ({
  ...{ type: 'credit', transaction_id: `fund-${n}` },
  fields: { client_id: account(n), amount: Number(FUNDS) },
}))
