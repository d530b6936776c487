/**
 * What to do when the stream refuses a batch because it knows a message id of it. The server does not say which, so the
 * asks that may be meant go on beside the main loop: their ids are looked up, and what is stored already is answered.
 */

import { pause } from '../back-off.js'
import type { ClientId } from '../ledger/client-id.js'
import { type Command, customersOfCommand } from '../ledger/command.js'
import { creditLegId } from '../ledger/decide.js'
import { inParallel } from '../parallel.js'
import { type Ask, answer, failAll, transactionsOf } from './ask.js'
import type { Beside } from './beside.js'
import type { CommandDeps } from './deps.js'
import { type FindTransaction, findInWindow, type Holder } from './find.js'
import type { Known } from './known.js'
import { originalResult, originalsOf } from './original.js'
import { failed } from './outcome.js'
import { TRIES_MAX, TRY_PAUSE } from './tries.js'

export type Duplicates = {
  /** Goes on with the asks of a batch that was refused; gives back those that cannot be meant. */
  readonly resolve: (asks: readonly Ask[]) => Promise<Ask[]>
}

type Means = {
  readonly deps: CommandDeps
  readonly find: FindTransaction
  readonly beside: Beside
  readonly handle: (asks: readonly Ask[]) => Promise<Ask[]>
  readonly signal: AbortSignal
}

const LOOK_UPS_MAX = 32

/** The message ids that a command takes. */
const messageIdsOf = ({ type, transaction_id }: Command): string[] =>
  type === 'transfer' ? [transaction_id, creditLegId(transaction_id)] : [transaction_id]

export const createDuplicates = ({ deps, find, beside, handle, signal }: Means): Duplicates => {
  /** What the customers' histories or the journal know now. */
  const findAll = async (asks: readonly Ask[]): Promise<Map<string, Known>> => {
    const commands = asks.flatMap(ask => [...ask.commands])
    const found = await inParallel(LOOK_UPS_MAX, commands, async (command): Promise<[string, Known][]> => {
      const id: ClientId = customersOfCommand(command)[0]
      const known = await find(command.transaction_id, id, true)
      return known === undefined ? [] : [[command.transaction_id, known]]
    })
    return new Map(found.flat())
  }

  /** Answers those of which something is stored; gives back the others. Something is: nobody may say that nothing is. */
  const answered = async (asks: readonly Ask[], known: ReadonlyMap<string, Known>): Promise<Ask[]> => {
    const rest = await inParallel(LOOK_UPS_MAX, asks, async ask => {
      if (!ask.commands.some(({ transaction_id }) => known.has(transaction_id))) return [ask]
      try {
        const result = originalResult(
          ask.commands,
          await originalsOf(deps, ask.commands, id => known.get(id)),
        )
        if (result !== undefined) answer(ask, result)
      } catch (cause) {
        failAll([ask], 'OUTCOME_UNKNOWN', cause)
      }
      return []
    })
    return rest.flat()
  }

  /** An id is held by something that answers for no command: it cannot be this one's. */
  const refuseTaken = (asks: readonly Ask[], holders: ReadonlyMap<string, Holder>): Ask[] =>
    asks.filter(ask => {
      const index = ask.commands.findIndex(command => messageIdsOf(command).some(id => holders.has(id)))
      const command = ask.commands[index]
      if (command === undefined) return true
      const { transaction_id } = command
      const details = { transaction_id, field: 'transaction_id' }
      answer(
        ask,
        failed('TRANSACTION_ID_REUSED', ask.commands.length === 1 ? details : { ...details, index }),
      )
      return false
    })

  /** One that stands alone is refused, and what refuses it cannot be seen: a copy of it may be on its way. */
  const alone = async (ask: Ask): Promise<Ask[]> => {
    ask.tries += 1
    if (ask.tries > TRIES_MAX) failAll([ask], 'OUTCOME_UNKNOWN')
    else await pause(TRY_PAUSE, ask.tries, signal)
    return ask.answered ? [] : [ask]
  }

  const search = async (asks: readonly Ask[]): Promise<Ask[]> => {
    const known = await findAll(asks)
    const isWhole = ({ commands }: Ask): boolean => commands.every(c => known.has(c.transaction_id))
    const early = asks.filter(isWhole)
    await answered(early, known)
    const open = asks.filter(ask => !isWhole(ask))
    if (early.length > 0 || open.length === 0) return open
    const wanted = new Set(open.flatMap(ask => ask.commands.flatMap(messageIdsOf)))
    const holders = await findInWindow(deps, wanted)
    for (const id of transactionsOf(open)) {
      const holder = holders.get(id)?.known
      if (holder !== undefined) known.set(id, holder)
    }
    const rest = refuseTaken(await answered(open, known), holders)
    if (rest.length < asks.length) return rest
    if (rest.length === 1 && rest[0] !== undefined) return alone(rest[0])
    const half = Math.ceil(rest.length / 2)
    return [...(await handle(rest.slice(0, half))), ...(await handle(rest.slice(half)))]
  }

  return {
    resolve: async asks => {
      const given = asks.filter(ask => ask.given)
      const meant = given.length === 0 ? asks : given
      for (const ask of meant) ask.id_taken = true
      await beside.run(meant, async () => {
        try {
          return await search(meant)
        } catch (cause) {
          failAll(meant, 'OUTCOME_UNKNOWN', cause)
          return []
        }
      })
      return given.length === 0 ? [] : asks.filter(ask => !ask.given)
    },
  }
}
