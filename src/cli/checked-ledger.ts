/**
 * Opens the ledger for a subcommand that writes or compares, and refuses when its stream is not the one that was noted.
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

/** The number of looks that have to agree when it is not certain that the leader answered. */
const LOOKS_MAX = 4
/** The largest number of looks while an incomplete batch grows. */
const GROWING_LOOKS_MAX = 40
const LOOK_AGAIN = { first_ms: 500, max_ms: 500 }
const never = new AbortController().signal

/**
 * Looks at the ledger, with the tables as witnesses. It repeats the look while a contradiction may be the answer of
 * an old leader. Throws `Failure` when NATS does not answer.
 */
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
    // an incomplete batch that grows between two looks is still being stored
    const is_growing = found.finding.tag === 'part of a batch' && found.reason !== before
    before = found.reason
    if (looks >= LOOKS_MAX && (!is_growing || looks === GROWING_LOOKS_MAX)) return found
    await pause(LOOK_AGAIN, 1, never)
  }
}

type RefuseOptions = {
  readonly exit_code?: 1 | 2
  /** Leaves out the check of the newest batches, for a caller that checks all batches itself. */
  readonly has_batches_checked?: boolean
}

/** Looks at the ledger. Throws `Failure` when a person first has to decide which stream is right. */
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

/** Opens a ledger that may be used; a new one is made first. Throws `Failure` as `refuseAnother` does. */
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

/** Sentences about every wrong setting of the streams and the bucket. A stream that does not exist is left out. */
export const settingsProblems = async (connected: Connected): Promise<readonly string[]> => {
  const problems: string[] = []
  for (const wanted of allSettings(await settingsFor(connected))) {
    const info = await streamInfo(connected.nc, wanted.name)()
    if (E.isLeft(info)) continue
    const problem = describeDifferences(wanted, info.right.config as unknown as Record<string, unknown>)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}
