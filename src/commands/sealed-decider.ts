/**
 * Seals the texts of commands on their way to the coordinator, so that nothing behind it ever has a clear one
 * (docs/adr/0039-erasure.md). A command without texts, or with keys in memory, waits for nothing.
 */

import type { Command } from '../ledger/command.js'
import type { Sealer } from '../sealing/seal-command.js'
import type { GroupOrigin } from './group-commit/group.js'
import type { CommandDecider, Decidable } from './group-commit/ports.js'
import { type CommandFailure, failed } from './outcome.js'

/** The most commands that wait for keys. */
const WAITING_MAX = 10_000

class TooManyWait extends Error {
  override readonly name = 'TooManyWait'
}

/** The failure of a command whose keys can be neither read nor made. */
const withoutKey = (
  transaction_id: string | undefined,
  origin: GroupOrigin | undefined,
  cause: unknown,
): CommandFailure =>
  // another instance may have stored what is taken back
  failed(
    origin === 'taken back' ? 'OUTCOME_UNKNOWN' : cause instanceof TooManyWait ? 'BUSY' : 'UNAVAILABLE',
    transaction_id === undefined ? {} : { transaction_id },
    cause,
  )

export const sealedDecider = (decider: CommandDecider, { sealNow, seal }: Sealer): CommandDecider => {
  let waiting = 0

  const sealAll = async (commands: readonly Command[]): Promise<readonly Command[]> => {
    const ready = commands.map(sealNow)
    if (ready.every(command => command !== undefined)) return ready
    if (waiting + commands.length > WAITING_MAX)
      throw new TooManyWait('too many commands wait for the keys of their customers')
    waiting += commands.length
    try {
      return await Promise.all(commands.map(seal))
    } finally {
      waiting -= commands.length
    }
  }

  const replaced = (submitted: readonly Decidable[], commands: readonly Command[]): Decidable[] =>
    submitted.map((one, i) => {
      const command = commands[i] ?? one.command
      return command === one.command ? one : { ...one, command }
    })

  return {
    take: (submitted, done, origin) => {
      const command = sealNow(submitted.command)
      if (command !== undefined) {
        decider.take(command === submitted.command ? submitted : { ...submitted, command }, done, origin)
        return
      }
      sealAll([submitted.command]).then(
        ([sealed = submitted.command]) => decider.take({ ...submitted, command: sealed }, done, origin),
        cause => done(withoutKey(submitted.command.transaction_id, origin, cause)),
      )
    },
    submitEach: async (submitted, origin) => {
      let commands: readonly Command[]
      try {
        commands = await sealAll(submitted.map(({ command }) => command))
      } catch (cause) {
        return submitted.map(({ command }) => withoutKey(command.transaction_id, origin, cause))
      }
      return decider.submitEach(replaced(submitted, commands), origin)
    },
    submitAll: async (commands, has_given_ids, origin) => {
      let sealed: readonly Command[]
      try {
        sealed = await sealAll(commands)
      } catch (cause) {
        return withoutKey(undefined, origin, cause)
      }
      return decider.submitAll(sealed, has_given_ids, origin)
    },
  }
}
