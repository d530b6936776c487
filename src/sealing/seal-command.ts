/**
 * Seals the texts of commands before they are decided, compared or stored.
 */

import { customerOf } from '../ledger/account-id.js'
import type { ClientId } from '../ledger/client-id.js'
import { type Command, customersOfCommand } from '../ledger/command.js'
import { type PersonKey, sealTexts } from './cipher.js'
import { hasTexts } from './form.js'
import type { PersonKeys } from './person-keys.js'

export type Sealer = {
  /** The command as it is to be stored, if all keys are in memory or none is needed; undefined otherwise. */
  readonly sealNow: <C extends Command>(command: C) => C | undefined
  /** The command as it is to be stored. Rejects when a key can be neither read nor made. */
  readonly seal: <C extends Command>(command: C) => Promise<C>
  /** Like `seal`, but makes no key: without one the command is as it was. For what stores nothing. */
  readonly sealAsBefore: <C extends Command>(command: C) => Promise<C>
}

/** A command as it came: the texts of a ledger that does not seal them. */
export const NO_SEALER: Sealer = {
  sealNow: command => command,
  seal: async command => command,
  sealAsBefore: async command => command,
}

/** The customers of a command as persons; two accounts of one customer are one person. */
const personsOf = (command: Command): readonly ClientId[] => [
  ...new Set(customersOfCommand(command).map(customerOf)),
]

/** What a retry of the command has, too: a reversal is numbered anew each time. */
const idOf = (command: Command): string =>
  command.type === 'reversal' ? (command.reversal_id ?? command.transaction_id) : command.transaction_id

const sealed = <C extends Command>(command: C, keys: readonly PersonKey[]): C => ({
  ...command,
  reference: undefined,
  metadata: sealTexts(command, keys, idOf(command)),
})

export const createSealer = (keys: PersonKeys): Sealer => ({
  sealNow: command => {
    if (!hasTexts(command)) return command
    const found = personsOf(command).map(person => keys.inMemory(person)?.key)
    return found.every(key => key !== undefined) ? sealed(command, found) : undefined
  },
  seal: async command =>
    hasTexts(command) ? sealed(command, await Promise.all(personsOf(command).map(keys.findOrMake))) : command,
  sealAsBefore: async command => {
    if (!hasTexts(command)) return command
    const found = await Promise.all(personsOf(command).map(keys.find))
    return found.every(key => key !== undefined) ? sealed(command, found) : command
  },
})
