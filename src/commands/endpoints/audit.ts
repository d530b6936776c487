/**
 * The audit: one line of the log for each command or event that a caller sent, with its caller and its outcome.
 *
 * The endpoint that answers the caller writes the line, so a command that another instance decides has one line as well.
 * A request that is no valid command changes nothing, and has none.
 */

import type { Logger } from 'pino'
import { customerOf, namesOf } from '../../ledger/account-id.js'
import { type AskedCommand, customersOfCommand, type DirectCommand } from '../../ledger/command.js'
import { type Caller, type CallerOf, type CallerOptions, createCallerOf } from '../../service/callers.js'
import type { Outcome } from '../outcome.js'

/** The writes that have a line: those of known callers, all of them, or none. */
export const AUDITED = ['callers', 'all', 'none'] as const
export type Audited = (typeof AUDITED)[number]

/**
 * `stored` at `seq`, `replayed` (the id was stored before, at `seq`), or the code of the error. `has_no_id`: the event has no
 * transaction id, and the one that its command was given is stored nowhere.
 */
export type Written = {
  readonly outcome: string
  readonly seq?: number | undefined
  readonly has_no_id?: boolean
}

export type Audit = {
  readonly callerOf: CallerOf
  readonly note: (caller: Caller, command: AskedCommand, written: () => Written) => void
}

export const NO_AUDIT: Audit = { callerOf: createCallerOf(undefined), note: () => undefined }

/** The outcome of a command for the log. A transfer has the sequence of its first event. */
export const writtenOf = (outcome: Outcome): Written =>
  outcome.tag === 'failed'
    ? { outcome: outcome.code }
    : {
        outcome: outcome.replayed ? 'replayed' : 'stored',
        seq: 'from' in outcome.reply ? outcome.reply.from.seq : outcome.reply.seq,
      }

/** The customers of a command as fields of a line. The customers of a reversal are those of the transaction that it names. */
const customersIn = (command: DirectCommand) => {
  const [id, to] = customersOfCommand(command)
  return { ...namesOf(id), to: to === undefined ? undefined : customerOf(to) }
}

export const createAudit = (log: Logger, callers: CallerOptions | undefined, audited: Audited): Audit => {
  const callerOf = createCallerOf(callers)
  const is_logged = audited !== 'none' && log.isLevelEnabled('info')
  if (!is_logged || (audited === 'callers' && callers === undefined)) return { ...NO_AUDIT, callerOf }
  return {
    callerOf,
    note: ({ by, request_id }, command, written) => {
      if (by === undefined && audited === 'callers') return
      const what = command.type === 'reverse' ? { reverses: command.reverses } : customersIn(command)
      const { has_no_id = false, ...outcome } = written()
      const transaction_id = has_no_id ? undefined : command.transaction_id
      log.info({ audit: command.type, by, request_id, transaction_id, ...what, ...outcome }, 'a write')
    },
  }
}
