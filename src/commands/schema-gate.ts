/**
 * Lets commands whose events need schema 2 pass only when the ledger says that every reader knows it: the key `schema` of
 * the bucket `config` is `2`. A new ledger begins so; an old one is switched by a person, once every instance is a newer
 * program (docs/adr/0051-accounts.md). An instance that does not know schema 2 would leave the customer parked.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E } from '../fp.js'
import type { AskedCommand } from '../ledger/command.js'
import { isRuleCommand } from '../ledger/rule-command.js'
import { NEW_LEDGER_SCHEMA, readKey, SCHEMA_KEY } from '../stream/config-bucket.js'
import type { GroupResult } from './group-commit/group.js'
import type { CommandTaker, Submitted } from './group-commit/ports.js'
import { type CommandFailure, failed, type Outcome } from './outcome.js'

/** The key is read at most so often while it does not say so. */
const LOOK_EVERY_MS = 1_000

export type Gate = {
  /** Whether the key was seen to allow it: it is never taken back. */
  readonly isOpen: () => boolean
  /** Whether it allows it, as of a moment ago. Never rejects. */
  readonly look: () => Promise<boolean>
}

export const createGate = (jsm: JetStreamManager): Gate => {
  let is_open = false
  let looked_ms = Number.NEGATIVE_INFINITY
  let looking = Promise.resolve(false)
  const read = async (): Promise<boolean> => {
    const found = await readKey(jsm, SCHEMA_KEY)()
    is_open ||= E.isRight(found) && found.right?.text === NEW_LEDGER_SCHEMA
    return is_open
  }
  return {
    isOpen: () => is_open,
    look: () => {
      if (is_open || performance.now() - looked_ms < LOOK_EVERY_MS) return looking
      looked_ms = performance.now()
      looking = read()
      return looking
    },
  }
}

const CLOSED =
  'the ledger takes events of schema 1 only: "jetledger schema 2" lets it take this command, once every instance is new enough'

/** Whether the events of a command need schema 2. */
const needsNewSchema = (command: AskedCommand): boolean =>
  command.type === 'reverse' || isRuleCommand(command)

const closed = ({ transaction_id }: AskedCommand): CommandFailure =>
  failed('UNAVAILABLE', { transaction_id, message: CLOSED })

/** Gives on what may be stored, and refuses the rest. A plain command passes without a look at the gate. */
export const gated = (taker: CommandTaker, gate: Gate): CommandTaker => {
  const passes = (command: AskedCommand): boolean => gate.isOpen() || !needsNewSchema(command)

  const each = async (
    commands: readonly Submitted[],
    decide: (open: readonly Submitted[]) => Promise<Outcome[]>,
  ): Promise<Outcome[]> => {
    if (commands.every(({ command }) => passes(command)) || (await gate.look())) return decide(commands)
    const plain = commands.filter(({ command }) => !needsNewSchema(command))
    const outcomes = (await decide(plain)).values()
    return commands.map(({ command }) => {
      if (needsNewSchema(command)) return closed(command)
      const { value } = outcomes.next()
      if (value === undefined) throw new Error('a command of a batch has no outcome')
      return value
    })
  }

  const all = async (
    commands: readonly AskedCommand[],
    decide: () => Promise<GroupResult>,
  ): Promise<GroupResult> => {
    if (commands.every(passes) || (await gate.look())) return decide()
    const index = commands.findIndex(needsNewSchema)
    return failed('UNAVAILABLE', { index, message: CLOSED })
  }

  return {
    take: (submitted, done) => {
      if (passes(submitted.command)) return taker.take(submitted, done)
      void gate.look().then(is_open => {
        if (is_open) taker.take(submitted, done)
        else done(closed(submitted.command))
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
