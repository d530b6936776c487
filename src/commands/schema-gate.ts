/**
 * Lets commands whose events need schema 2 pass only when the ledger says that every reader knows it: the key `schema` of
 * the bucket `config` is `2`. A new ledger begins so; an old one is switched by a person, once every instance is a newer
 * program (docs/adr/0051-accounts.md). An instance that does not know schema 2 would leave the customer parked.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E } from '../fp.js'
import { isOfAsset } from '../ledger/account-id.js'
import { type AskedCommand, customersOfCommand } from '../ledger/command.js'
import { isRuleCommand } from '../ledger/rule-command.js'
import { NEW_LEDGER_SCHEMA, readKey, SCHEMA_KEY } from '../stream/config-bucket.js'
import type { Gate } from './gate.js'
import { failed } from './outcome.js'

/** The key is read at most so often while it does not say so. */
const LOOK_EVERY_MS = 1_000

const CLOSED =
  'the ledger takes events of schema 1 only: "jetledger schema 2" lets it take this command, once every instance is new enough'

/** Whether the events of a command need schema 2. */
const needsNewSchema = (command: AskedCommand): boolean =>
  command.type === 'reverse' || isRuleCommand(command) || isOfAsset(customersOfCommand(command)[0])

export type SchemaGate = Gate & {
  /** Whether the ledger takes schema 2, as of a moment ago. Never rejects. */
  readonly lookUp: () => Promise<boolean>
}

export const createSchemaGate = (jsm: JetStreamManager): SchemaGate => {
  // the key is never taken back
  let is_open = false
  let looked_ms = Number.NEGATIVE_INFINITY
  let looking = Promise.resolve(false)
  const read = async (): Promise<boolean> => {
    const found = await readKey(jsm, SCHEMA_KEY)()
    is_open ||= E.isRight(found) && found.right?.text === NEW_LEDGER_SCHEMA
    return is_open
  }
  const lookUp = (): Promise<boolean> => {
    if (is_open || performance.now() - looked_ms < LOOK_EVERY_MS) return looking
    looked_ms = performance.now()
    looking = read()
    return looking
  }
  return {
    passes: command => is_open || !needsNewSchema(command),
    look: lookUp,
    lookUp,
    refusal: ({ transaction_id }) => failed('UNAVAILABLE', { transaction_id, message: CLOSED }),
  }
}
