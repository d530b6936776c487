/**
 * Reads the state of a ledger for `jetledger status`: what the servers say, and what the instances say of themselves.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { describeProblem, recordProblems } from '../../belonging/control-records.js'
import { countDeadLetters } from '../../dead-letters/letters.js'
import { E, pipe, TE } from '../../fp.js'
import { readPointer } from '../../generations/pointer.js'
import { projectionStatus } from '../../generations/status.js'
import { describeStream } from '../../operations/stream.js'
import { Failure, orFail } from '../../process/failure.js'
import { askMembers } from '../../process/members.js'
import { RECOVER_ADVICE } from '../../process/standing.js'
import { type ReplayAtWork, readReplay } from '../../projections/rebuild/lock.js'
import { consumerName } from '../../projections/target.js'
import { listInstances } from '../../service/instances.js'
import { getText, listKeys, parkedPrefix, SEED_KEY } from '../../stream/config-bucket.js'
import { leadershipOf } from '../../stream/leadership.js'
import { manager, openBucket, streamInfo } from '../../stream/provision.js'
import { configStream, DEAD_LETTER_STREAM, LEDGER_STREAM } from '../../stream/settings.js'
import { PROJECTION_NAMES, tableName } from '../../tables/definition.js'
import { readIdentity } from '../../tables/identity.js'
import { type JournalKind, journalOf } from '../../tables/savepoints.js'
import { sumsDoubted } from '../../tables/totals.js'
import { lookWith, settingsProblems } from '../checked-ledger.js'
import { type Connected, tablesOf } from '../command.js'
import { readWarnings } from '../warnings.js'

const PARKED_MAX = 10_000
const SERVICE = 'customer'

/** Reads the state of the ledger stream. Throws `Failure` with a sentence of its own when there is no ledger. */
const readStream = async ({ nc, config: { nats } }: Connected) => {
  const info = pipe(
    streamInfo(nc, LEDGER_STREAM),
    TE.mapLeft(error =>
      error.tag === 'NotFound'
        ? { ...error, message: `there is no ledger at ${nats.urls.join(', ')}: ${error.message}` }
        : error,
    ),
  )
  return describeStream(await orFail(info))
}

const parkedIds = async (nc: NatsConnection): Promise<string[]> => {
  const ids = new Set<string>()
  for (const projection of PROJECTION_NAMES) {
    const prefix = parkedPrefix(projection)
    const keys = await orFail(listKeys(nc, `${prefix}*`, PARKED_MAX))
    for (const key of keys) ids.add(Buffer.from(key.slice(prefix.length), 'base64url').toString())
  }
  return [...ids].sort()
}

/** The replays that are at work, and those that ended early and left what they had built. */
const readReplays = async (kv: KV): Promise<readonly ReplayAtWork[]> => {
  const found = await Promise.all(PROJECTION_NAMES.map(name => orFail(readReplay(kv, name))))
  return found.filter(replay => replay !== undefined)
}

/** What is wrong, in sentences, and which events have rows, where the table can be read. */
type Found = { readonly trouble: readonly string[]; readonly journal: JournalKind | undefined }

/** What the active table says of itself: whether its sums may be wrong, and which events have rows. */
const readTable = async (
  { config }: Connected,
  jsm: JetStreamManager,
  tables: ReturnType<typeof tablesOf>,
): Promise<Found> => {
  const pointer = await readPointer(jsm, 'ledger')()
  if (E.isLeft(pointer)) return { trouble: [], journal: undefined }
  const table = tableName(config.DDB_TABLE, 'ledger', pointer.right.generation)
  const identity = await readIdentity(tables, table)()
  if (E.isLeft(identity) || identity.right === undefined) return { trouble: [], journal: undefined }
  const { sums_doubt } = identity.right
  const trouble = sums_doubt === undefined ? [] : [sumsDoubted(table, sums_doubt)]
  return { trouble, journal: journalOf(identity.right) }
}

/** Finds parts that do not belong together or were changed by hand: a sentence each, with the way to mend it. */
const readTrouble = async (connected: Connected, jsm: JetStreamManager): Promise<Found> => {
  const tables = tablesOf(connected)
  try {
    const look = await lookWith(connected, jsm, tables)
    if (look.tag === 'stopped' && look.finding.tag === 'absent')
      throw new Failure(`${look.reason}; ${RECOVER_ADVICE}`)
    const problems = await recordProblems(jsm, PROJECTION_NAMES)()
    const settings = await settingsProblems(connected)
    const proved = await leadershipOf(connected.nc).prove()()
    const table = await readTable(connected, jsm, tables)
    const trouble = [
      ...(E.isLeft(proved) ? [`${proved.left.message}: what is said of it may be old`] : []),
      ...(look.tag === 'stopped' ? [`the ledger stands still: ${look.reason}; ${RECOVER_ADVICE}`] : []),
      ...settings,
      ...(E.isLeft(problems) ? [] : problems.right.map(describeProblem)),
      ...table.trouble,
    ]
    return { trouble, journal: table.journal }
  } finally {
    tables.destroy()
  }
}

/**
 * Throws `Failure` when the bucket or the stream of dead letters is gone: a running process of the ledger makes it
 * anew.
 */
const refuseWithout = async ({ nc }: Connected): Promise<void> => {
  const { name: bucket } = configStream({ replicas: 1 })
  for (const [what, name] of [
    ['the bucket', bucket],
    ["the dead letters' stream", DEAD_LETTER_STREAM],
  ] as const) {
    const found = await streamInfo(nc, name)()
    if (E.isLeft(found) && found.left.tag === 'NotFound')
      throw new Failure(
        `${what} (stream ${name}) was deleted: a process of the ledger makes it anew when it runs, and so does "jetledger stream apply"`,
      )
  }
}

/** Reads the state of the ledger from the servers and the instances. Throws `Failure` when there is none. */
export const readStatus = async (connected: Connected) => {
  const { nc, config } = connected
  const jsm = await orFail(manager(nc))
  const { trouble, journal } = await readTrouble(connected, jsm)
  const stream = await readStream(connected)
  await refuseWithout(connected)
  const kv = await orFail(openBucket(nc))
  const projections = await Promise.all(
    PROJECTION_NAMES.map(name =>
      orFail(projectionStatus({ nc, jsm, kv }, name, generation => consumerName(name, generation))),
    ),
  )
  const servers = await askMembers(nc, config.nats.urls)
  return {
    stream,
    servers,
    seed: (await orFail(getText(kv, SEED_KEY))) ?? 'not seeded',
    projections,
    journal,
    replays: await readReplays(kv),
    dead_letters: await orFail(countDeadLetters(nc)),
    parked: await parkedIds(nc),
    instances: await listInstances(nc, SERVICE),
    trouble,
    warnings: await readWarnings(connected, servers),
  }
}

export type LedgerStatus = Awaited<ReturnType<typeof readStatus>>
