/** A coordinator with a stream that the test plays: the stream's content is a map, and its answers are given. */

import pino from 'pino'
import type { AccountId } from '../../../ledger/account-id.js'
import type { StreamError } from '../../../stream/errors.js'
import { type Folded, FROM_THE_BEGINNING } from '../../../stream/fold-subject.js'
import type { Accounts } from '../accounts.js'
import { Coordinator } from '../coordinator.js'
import { loadedAfter } from '../plan.js'
import type { CoordinatorPorts, Transactions } from '../ports.js'
import { type DecidedBatch, Rounds } from '../round.js'
import type { Settled } from '../settle.js'

const running: Coordinator[] = []

/** Stops every coordinator that was played with. */
export const stopPlaying = async (): Promise<void> => {
  await Promise.all(running.splice(0).map(coordinator => coordinator.stop()))
}

/** How the stream answers a batch. */
export type StreamAnswer =
  | 'store'
  | StreamError['tag']
  | 'unknown'
  | Error
  | ((batch: DecidedBatch) => Settled | Promise<Settled>)

/** A stream in a map, and what the test has it answer to the next batches; it stores all that come after them. */
export const play = (
  answers: readonly StreamAnswer[] = [],
  options: Partial<CoordinatorPorts> & { readonly queue_max?: number; readonly timeout_ms?: number } = {},
) => {
  const stream = new Map<AccountId, Folded>()
  const memory = new Map<AccountId, Folded>()
  const batches: string[][] = []
  let last_seq = 0

  const at = (id: AccountId): Folded => stream.get(id) ?? FROM_THE_BEGINNING
  const store = ({ plan }: DecidedBatch): Settled => {
    last_seq += plan.events.length
    for (const [id, folded] of loadedAfter(plan, last_seq)) stream.set(id, folded)
    return { tag: 'stored', last_seq }
  }
  const accounts: Accounts = {
    take: async ids => new Map([...ids].map(id => [id, memory.get(id) ?? at(id)])),
    takeInTime: async () => new Map(),
    reload: async (ids, seen) => {
      const changed = [...new Set(ids)].filter(id => at(id).last_seq !== seen.get(id)?.last_seq)
      for (const id of changed) memory.set(id, at(id))
      return new Set(changed)
    },
    remember: loaded => {
      for (const [id, folded] of loaded) memory.set(id, folded)
    },
    forget: ids => {
      for (const id of ids) memory.delete(id)
    },
  }
  const publish = async (batch: DecidedBatch): Promise<Settled> => {
    batches.push(batch.plan.events.map(({ id, event }) => `${event.type} ${id} ${event.amount}`))
    const answer = answers[batches.length - 1] ?? 'store'
    if (answer instanceof Error) throw answer
    if (answer === 'store') return store(batch)
    if (typeof answer === 'function') return answer(batch)
    if (answer === 'unknown') return { tag: 'unknown', error: { tag: 'TryAgain', message: 'no answer' } }
    return { tag: 'refused', error: { tag: answer, message: answer } }
  }
  const log = pino({ level: 'silent' })
  const { queue_max = 1_000, timeout_ms = 1_000, ...ports } = options
  const coordinator = new Coordinator(
    {
      rounds: new Rounds({ accounts, log, timeout_ms, now: () => undefined }),
      publish,
      findChanged: accounts.reload,
      transactions: noTransactions,
      admit: () => true,
      log,
      now_ms: () => performance.now(),
      ...ports,
    },
    { queue_max, timeout_ms },
  )
  running.push(coordinator)
  return {
    coordinator,
    batches,
    submit: (command: Parameters<Coordinator['submit']>[0], has_given_id = false) =>
      coordinator.submit(command, has_given_id),
    store,
    /** Another writer stores a credit. */
    interfere: (id: string, amount: number): void => {
      const { customer, last_seq: before } = at(id as AccountId)
      last_seq = Math.max(last_seq, before) + 1
      const balance = customer.account.balance + BigInt(amount)
      const account = { balance, version: customer.account.version + 1, seq: last_seq }
      stream.set(id as AccountId, { customer: { account }, last_seq })
    },
  }
}

/** No transaction is known, and none is kept. */
export const noTransactions: Transactions = {
  begin: () => ({ tag: 'new' }),
  lookUp: async () => () => ({ tag: 'new' }),
  end: () => undefined,
  findDuplicates: async () => ({ answers: [], rounds: [] }),
}
