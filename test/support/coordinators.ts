/** Helpers for the specs of the command side: commands, coordinators over a test's servers, and reads of the stream. */

import type { JetStreamManager } from '@nats-io/jetstream'
import { type CommandSideOptions, createCoordinator } from '../../src/commands/compose.js'
import type { CommandDeps } from '../../src/commands/deps.js'
import type { Coordinator } from '../../src/commands/group-commit/coordinator.js'

import type { Outcome } from '../../src/commands/outcome.js'
import type { Movement, Transfer } from '../../src/ledger/command.js'
import { amount, clientId } from '../../src/ledger/testing/arbitrary.js'
import { uuidv7 } from '../../src/uuid.js'

const STREAM = 'customer-balances'

export const movement = (
  type: Movement['type'],
  id: string,
  n: bigint | number,
  transaction_id = uuidv7(),
): Movement => ({ type, client_id: clientId(id), amount: amount(n), transaction_id })

export const transfer = (
  from: string,
  to: string,
  n: bigint | number,
  transaction_id = uuidv7(),
): Transfer => ({
  type: 'transfer',
  from: clientId(from),
  to: clientId(to),
  amount: amount(n),
  transaction_id,
})

/** `done`, or the code of the refusal. */
export const codeOf = (outcome: Outcome): string => (outcome.tag === 'done' ? 'done' : outcome.code)

export type Coordinators = {
  readonly start: (deps: CommandDeps, options?: Partial<CommandSideOptions>) => Coordinator
  readonly stopAll: () => Promise<void>
}

/** Starts coordinators and keeps a list of them, so that none outlives its test. */
export const coordinatorRoom = (): Coordinators => {
  const running: Coordinator[] = []
  return {
    start: (deps, options = {}) => {
      const coordinator = createCoordinator(deps, { queue_max: 10_000, timeout_ms: 10_000, ...options })
      running.push(coordinator)
      return coordinator
    },
    stopAll: async () => {
      await Promise.all(running.splice(0).map(coordinator => coordinator.stop()))
    },
  }
}

/** A stored message. The body is parsed with JSON.parse alone; it is undefined when that fails. */
export type Stored = {
  readonly seq: number
  readonly id: string
  readonly msg_id: string
  readonly body: Readonly<Record<string, unknown>> | undefined
}

const parsed = (text: string): Stored['body'] => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Stored['body']) : undefined
  } catch {
    return undefined
  }
}

/** Reads all messages of the stream's leader from `seq` on, one by one: this is slow, but can leave out no message. */
export const storedFrom = async (jsm: JetStreamManager, seq: number): Promise<Stored[]> => {
  const stored: Stored[] = []
  for (let next = seq; ; next += 1) {
    const found = await jsm.streams.getMessage(STREAM, { seq: next })
    if (found === null) return stored
    stored.push({
      seq: next,
      id: found.subject.slice('customer.balance.'.length),
      msg_id: found.header.get('Nats-Msg-Id'),
      body: parsed(new TextDecoder().decode(found.data)),
    })
  }
}

/** The sequence of the stream's newest message. */
export const lastSeq = async (jsm: JetStreamManager): Promise<number> =>
  (await jsm.streams.info(STREAM)).state.last_seq
