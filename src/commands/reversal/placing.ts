/**
 * Gives the requests among some commands their places among the reversals of their transactions, as these are now.
 */

import type { Logger } from 'pino'
import { E, type Either } from '../../fp.js'
import type { AskedCommand, Command } from '../../ledger/command.js'
import { type Numbered, place } from '../../ledger/reversal.js'
import type { ReverseRequest } from '../../ledger/reverse-command.js'
import { isOwnFault } from '../../own-fault.js'
import { inParallel } from '../../parallel.js'
import { type CommandFailure, failed } from '../outcome.js'
import type { FindOriginal, Original } from './find-original.js'

/** Transactions that are looked up at once for one batch. */
const LOOK_UPS_MAX = 16

/**
 * A command that can be decided. `is_new`: it is a reversal that has the next number, so others may be faster.
 * `may_be_recorded`: a refusal of it may be stored under its id.
 */
export type Ready = {
  readonly command: Command
  readonly is_new: boolean
  readonly may_be_recorded: boolean
}

export const isRequest = (command: AskedCommand): command is ReverseRequest => command.type === 'reverse'

type Found = Either<CommandFailure, Original>

const findAll = async (
  find: FindOriginal,
  log: Logger,
  requests: readonly ReverseRequest[],
): Promise<ReadonlyMap<string, Found>> => {
  const ids = [...new Set(requests.map(({ reverses }) => reverses))]
  const found = await inParallel(LOOK_UPS_MAX, ids, async (id): Promise<[string, Found]> => {
    try {
      return [id, await find(id)]
    } catch (thrown) {
      const is_own_fault = isOwnFault(thrown)
      if (is_own_fault) log.error({ err: thrown }, 'a reversal met a fault of this program')
      else log.warn({ err: thrown }, 'the transaction that is to be reversed cannot be told')
      return [id, E.left(failed(is_own_fault ? 'INTERNAL_ERROR' : 'UNAVAILABLE', {}, thrown))]
    }
  })
  return new Map(found)
}

const placeOne = (
  { original, numbered }: Original,
  drafts: readonly Numbered[],
  request: ReverseRequest,
): Either<CommandFailure, Ready> => {
  const placed = place(original, [...numbered, ...drafts], request)
  switch (placed.tag) {
    case 'new':
      return E.right({
        command: placed.reversal,
        is_new: true,
        may_be_recorded: placed.may_be_recorded,
      })
    case 'known':
      return E.right({ command: placed.reversal, is_new: false, may_be_recorded: true })
    case 'refused':
      return E.left(failed(placed.code, { amount: request.amount }))
  }
}

/** A reversal that is going to be decided before a later one of the same transaction. */
const draftOf = (request: ReverseRequest, before: number, { command }: Ready): Numbered => ({
  number: before + 1,
  amount: command.amount ?? 0n,
  asked: request.amount,
  reversal_id: request.transaction_id,
})

/** Whether it is certain already that a reversal will be refused. */
const isRefused = ({ command }: Ready): boolean =>
  command.type === 'reversal' && command.remaining !== undefined

/** The places of requests: each comes after those of the same transaction that were kept. */
type Places = {
  readonly place: (command: AskedCommand) => Either<CommandFailure, Ready>
  readonly keep: (command: AskedCommand, ready: Ready) => void
}

/** Looks up what the commands reverse. Never rejects: what cannot be found fails its own requests. */
export const createPlaces = async (
  find: FindOriginal,
  log: Logger,
  commands: readonly AskedCommand[],
): Promise<Places> => {
  const found = await findAll(find, log, commands.filter(isRequest))
  const drafts = new Map<string, Numbered[]>()
  return {
    place: command => {
      if (!isRequest(command)) return E.right({ command, is_new: false, may_be_recorded: true })
      const original = found.get(command.reverses)
      if (original === undefined) throw new Error(`${command.reverses} was not looked up`)
      return E.isLeft(original)
        ? original
        : placeOne(original.right, drafts.get(command.reverses) ?? [], command)
    },
    keep: (command, ready) => {
      const original = isRequest(command) ? found.get(command.reverses) : undefined
      if (!isRequest(command) || original === undefined || E.isLeft(original)) return
      if (!ready.is_new || isRefused(ready)) return
      const own = drafts.get(command.reverses) ?? []
      const before = own.at(-1) ?? original.right.numbered.at(-1)
      drafts.set(command.reverses, [...own, draftOf(command, before?.number ?? 0, ready)])
    },
  }
}

/**
 * Makes commands that can be decided, in order. Later requests for a transaction come after the earlier ones, as if these
 * were accepted. Never rejects.
 */
export const placeAll = async (
  find: FindOriginal,
  log: Logger,
  commands: readonly AskedCommand[],
): Promise<Either<CommandFailure, Ready>[]> => {
  const places = await createPlaces(find, log, commands)
  return commands.map(command => {
    const placed = places.place(command)
    if (E.isRight(placed)) places.keep(command, placed.right)
    return placed
  })
}
