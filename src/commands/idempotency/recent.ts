/**
 * Transactions that are under way here or were settled here lately, by the id that the caller brought.
 */

import type { NatsConnection } from 'nats'
import { isRejectionCode } from '../../ledger/account.js'
import type { Command } from '../../ledger/command.js'
import { createLru } from '../../lru.js'
import { forgetWhenSetBack } from '../../stream/set-back.js'
import { type Group, replayedOutcome } from '../group-commit/group.js'
import { failed, type Outcome } from '../outcome.js'
import { differsFrom } from './stored-command.js'

/** What an earlier command means for a later one with its id; undefined outcome: nothing was decided, it may be tried. */
export type RecentEntry = { readonly is_open: boolean; readonly outcome: Promise<Outcome | undefined> }

export type Recent = {
  /** Notes `commands` of the group, in their order there, as under way; `end` has to be called with the group. */
  readonly begin: (group: Group, commands: readonly Command[]) => void
  /** Ends what was begun for the group, with an outcome for each of its commands where there is one. */
  readonly end: (group: Group, outcomes: readonly (Outcome | undefined)[]) => void
  /** What is under way or settled under the command's id. */
  readonly entryOf: (command: Command) => RecentEntry | undefined
}

const RECENT_MAX = 100_000

/** One command. Nearly none is ever asked for again, so there is a promise only for those who wait. */
class Entry {
  readonly command: Command
  /** The place of the command in its group. */
  readonly index: number
  is_open = true
  #outcome: Outcome | undefined
  #waiting: ((outcome: Outcome | undefined) => void)[] | undefined

  constructor(command: Command, index: number) {
    this.command = command
    this.index = index
  }

  settle(outcome: Outcome | undefined): void {
    this.is_open = false
    this.#outcome = outcome
    for (const wake of this.#waiting ?? []) wake(outcome)
    this.#waiting = undefined
  }

  outcome(): Promise<Outcome | undefined> {
    if (!this.is_open) return Promise.resolve(this.#outcome)
    return new Promise(resolve => {
      this.#waiting ??= []
      this.#waiting.push(resolve)
    })
  }
}

/** Outcomes that the stream holds, and that are the same for ever. */
const isFinal = (outcome: Outcome | undefined): outcome is Outcome =>
  outcome !== undefined && (outcome.tag === 'done' || isRejectionCode(outcome.code))

/** What the outcome `first` of the command of an entry means for `command`, which has its id. */
const outcomeFor = (command: Command, entry: Entry, first: Outcome | undefined): Outcome | undefined => {
  if (first === undefined) return undefined
  const field = differsFrom(command, entry.command)
  if (field === undefined) return isFinal(first) ? replayedOutcome(first) : first
  // the earlier command may itself reuse an id, or fail: then it says nothing about this one
  const { transaction_id } = command
  return isFinal(first) ? failed('TRANSACTION_ID_REUSED', { transaction_id, field }) : undefined
}

export const createRecent = (nc: NatsConnection): Recent => {
  const entries = forgetWhenSetBack(nc, createLru<string, Entry>(RECENT_MAX))
  const begun = new Map<Group, readonly Entry[]>()

  return {
    begin: (group, commands) => {
      const own: Entry[] = []
      for (const [index, command] of group.commands.entries()) {
        if (command !== commands[own.length]) continue
        const entry = new Entry(command, index)
        entries.set(command.transaction_id, entry)
        own.push(entry)
      }
      begun.set(group, own)
    },
    end: (group, outcomes) => {
      for (const entry of begun.get(group) ?? []) {
        const outcome = outcomes[entry.index]
        const { transaction_id } = entry.command
        // what was not settled may be tried again with the same id
        if (!isFinal(outcome) && entries.get(transaction_id) === entry) entries.delete(transaction_id)
        entry.settle(outcome)
      }
      begun.delete(group)
    },
    entryOf: command => {
      const entry = entries.get(command.transaction_id)
      if (entry === undefined) return undefined
      const outcome = entry.outcome().then(first => outcomeFor(command, entry, first))
      return { is_open: entry.is_open, outcome }
    },
  }
}
