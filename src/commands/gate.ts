/**
 * Gates in front of the command side: each lets commands pass only when a fact of the ledger allows them. There are two: the
 * schema that writers may use (`schema-gate.ts`), and the assets that are declared (`asset-gate.ts`).
 */

import type { AskedCommand } from '../ledger/command.js'
import type { GroupResult } from './group-commit/group.js'
import type { CommandTaker, Submitted } from './group-commit/ports.js'
import type { CommandFailure, Outcome } from './outcome.js'

export type Gate = {
  /** Whether a command is known to pass: most are, without waiting. */
  readonly passes: (command: AskedCommand) => boolean
  /** Looks at the fact, as of a moment ago, for a command that is not known to pass. Never rejects. */
  readonly look: (command: AskedCommand) => Promise<boolean>
  readonly refusal: (command: AskedCommand) => CommandFailure
}

/** Why a command does not pass `gates`; undefined when it passes all of them. Never rejects. */
export const refusedBy = async (
  gates: readonly Gate[],
  command: AskedCommand,
): Promise<CommandFailure | undefined> => {
  for (const gate of gates)
    if (!gate.passes(command) && !(await gate.look(command))) return gate.refusal(command)
  return undefined
}

/** Gives on what passes all `gates`, and refuses the rest. What is known to pass waits for nothing. */
export const gated = (taker: CommandTaker, gates: readonly Gate[]): CommandTaker => {
  const passes = (command: AskedCommand): boolean => {
    for (const gate of gates) if (!gate.passes(command)) return false
    return true
  }

  const each = async (
    commands: readonly Submitted[],
    decide: (open: readonly Submitted[]) => Promise<Outcome[]>,
  ): Promise<Outcome[]> => {
    if (commands.every(({ command }) => passes(command))) return decide(commands)
    const refusals = await Promise.all(commands.map(({ command }) => refusedBy(gates, command)))
    const outcomes = (await decide(commands.filter((_, i) => refusals[i] === undefined))).values()
    return refusals.map(refusal => {
      if (refusal !== undefined) return refusal
      const { value } = outcomes.next()
      if (value === undefined) throw new Error('a command of a batch has no outcome')
      return value
    })
  }

  const all = async (
    commands: readonly AskedCommand[],
    decide: () => Promise<GroupResult>,
  ): Promise<GroupResult> => {
    for (const [index, command] of commands.entries()) {
      const refusal = passes(command) ? undefined : await refusedBy(gates, command)
      if (refusal === undefined) continue
      const { transaction_id: _, ...details } = refusal.details
      return { ...refusal, details: { index, ...details } }
    }
    return decide()
  }

  return {
    take: (submitted, done) => {
      if (passes(submitted.command)) return taker.take(submitted, done)
      void refusedBy(gates, submitted.command).then(refusal => {
        if (refusal === undefined) taker.take(submitted, done)
        else done(refusal)
      })
    },
    submitEach: commands => each(commands, open => taker.submitEach(open)),
    submitAll: (commands, has_given_ids) => all(commands, () => taker.submitAll(commands, has_given_ids)),
    dryRunEach: commands => each(commands, open => taker.dryRunEach(open)),
    dryRunAll: commands =>
      all(
        commands.map(({ command }) => command),
        () => taker.dryRunAll(commands),
      ),
  }
}
