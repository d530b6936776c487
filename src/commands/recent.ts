/**
 * Transactions that are under way here or were settled here lately, by the id that the caller gave: fifty callers with
 * one id wait for one outcome.
 */

import type { Command } from '../ledger/command.js'
import { createLru } from '../lru.js'
import { replayedOutcome } from './ask.js'
import { differsFrom } from './known.js'
import { failed, type Outcome } from './outcome.js'

/** The outcome of what came first under an id; undefined when nothing was decided on it, so that it may be tried again. */
type Settling = Promise<Outcome | undefined>

export type Recent = {
  /** Notes what is begun under an id; the function that is given back has to be called with its outcome. */
  readonly begin: (command: Command) => (outcome: Outcome | undefined) => void
  /** What is under way or settled under the command's id. */
  readonly of: (command: Command) => { readonly isOpen: boolean; readonly outcome: Settling } | undefined
}

const RECENT_MAX = 100_000

type Entry = { readonly command: Command; readonly outcome: Settling; isOpen: boolean }

/** Outcomes that are what the stream says, and so the same for ever. */
const isFinal = (outcome: Outcome | undefined): outcome is Outcome =>
  outcome !== undefined &&
  (outcome.tag === 'done' || outcome.code === 'INSUFFICIENT_FUNDS' || outcome.code === 'BALANCE_LIMIT')

export const createRecent = (): Recent => {
  const entries = createLru<string, Entry>(RECENT_MAX)

  return {
    begin: command => {
      const { transaction_id } = command
      let settle: (outcome: Outcome | undefined) => void = () => undefined
      const outcome = new Promise<Outcome | undefined>(resolve => {
        settle = resolve
      })
      const entry: Entry = { command, outcome, isOpen: true }
      entries.set(transaction_id, entry)
      return result => {
        entry.isOpen = false
        // what was not settled may be tried again by the same id
        if (!isFinal(result) && entries.get(transaction_id) === entry) entries.delete(transaction_id)
        settle(result)
      }
    },
    of: command => {
      const entry = entries.get(command.transaction_id)
      if (entry === undefined) return undefined
      const { transaction_id } = command
      const field = differsFrom(command, entry.command)
      const outcome = entry.outcome.then(first => {
        if (first === undefined) return undefined
        if (field === undefined) return isFinal(first) ? replayedOutcome(first) : first
        // what came first may itself be the reuse, or fail: then it says nothing about this one
        return isFinal(first) ? failed('TRANSACTION_ID_REUSED', { transaction_id, field }) : undefined
      })
      return { isOpen: entry.isOpen, outcome }
    },
  }
}
