/**
 * What a subcommand that writes, or compares, opens first: a ledger whose stream is the one that was noted.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { pause } from '../back-off.js'
import { adoptLedger } from '../belonging/adopt.js'
import { type Look, lookAtLedger } from '../belonging/look.js'
import { E } from '../fp.js'
import { Failure, orFail } from '../process/failure.js'
import { RECOVER_ADVICE } from '../process/standing.js'
import { tableWitnesses } from '../process/witnesses.js'
import { manager, provision, provisionBeside, streamInfo } from '../stream/provision.js'
import { allSettings, describeDifferences } from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { type Connected, settingsFor } from './command.js'

/** Looks of a subcommand that have to agree where it is not certain that the answer is the leader's. */
const LOOKS_MAX = 4
const GROWING_LOOKS_MAX = 40
const LOOK_AGAIN = { first_ms: 500, max_ms: 500 }
const never = new AbortController().signal

/** A look, with the tables as witnesses; several, while a contradiction may be an old leader's answer. */
export const lookWith = async (
  { nc, config }: Connected,
  jsm: JetStreamManager,
  tables: DynamoDBDocumentClient,
  has_batches_checked = false,
): Promise<Look> => {
  const witnesses = tableWitnesses({ jsm, tables, base: config.DDB_TABLE })
  const look = lookAtLedger({ nc, jsm, tables: witnesses, has_batches_checked })
  let before: string | undefined
  for (let looks = 1; ; looks += 1) {
    const looked = await look()
    if (E.isLeft(looked) && looked.left.tag === 'TryAgain' && looks < LOOKS_MAX) {
      await pause(LOOK_AGAIN, 1, never)
      continue
    }
    const found = await orFail(async () => looked)
    if (found.tag !== 'stopped' || found.is_certain) return found
    // a part of a batch that grows is one that is on its way
    const isAnother = found.finding.tag === 'part of a batch' && found.reason !== before
    before = found.reason
    if (looks >= LOOKS_MAX && (!isAnother || looks === GROWING_LOOKS_MAX)) return found
    await pause(LOOK_AGAIN, 1, never)
  }
}

type RefuseOptions = {
  readonly exit_code?: 1 | 2
  /** For who looks at all batches anyway. */
  readonly has_batches_checked?: boolean
}

/** Looks, and throws `Failure` when a person has to say first which stream is right. */
export const refuseAnother = async (
  connected: Connected,
  jsm: JetStreamManager,
  tables: DynamoDBDocumentClient,
  { exit_code = 1, has_batches_checked }: RefuseOptions = {},
): Promise<Exclude<Look, { tag: 'stopped' }>> => {
  const look = await lookWith(connected, jsm, tables, has_batches_checked)
  if (look.tag === 'stopped') throw new Failure(`${look.reason}; ${RECOVER_ADVICE}`, { exit_code })
  return look
}

/** The bucket of a ledger that may be used, made where nothing is there yet. Throws `Failure` as `refuseAnother` does. */
export const openChecked = async (
  connected: Connected,
  tables: DynamoDBDocumentClient,
): Promise<{ readonly jsm: JetStreamManager; readonly kv: KV }> => {
  const { nc } = connected
  const jsm = await orFail(manager(nc))
  const look = await refuseAnother(connected, jsm, tables)
  const kv = await orFail(
    (look.tag === 'fresh' ? provision : provisionBeside)(nc, await settingsFor(connected)),
  )
  if (look.tag !== 'good') await orFail(adoptLedger({ jsm, kv }, PROJECTION_NAMES, undefined))
  return { jsm, kv }
}

/** Every setting of the streams and the bucket that is not ours; what is not there has none. */
export const settingsProblems = async (connected: Connected): Promise<readonly string[]> => {
  const said: string[] = []
  for (const wanted of allSettings(await settingsFor(connected))) {
    const info = await streamInfo(connected.nc, wanted.name)()
    if (E.isLeft(info)) continue
    const found = describeDifferences(wanted, info.right.config as unknown as Record<string, unknown>)
    if (found !== undefined) said.push(found)
  }
  return said
}
