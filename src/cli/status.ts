/**
 * `jetledger status`: shows the state of the ledger, as the servers and the instances report it.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { Command } from 'commander'
import type { NatsConnection } from 'nats'
import { describeProblem, recordProblems } from '../belonging/control-records.js'
import { countDeadLetters } from '../dead-letters/letters.js'
import { E, pipe, TE } from '../fp.js'
import { type ProjectionStatus, projectionStatus } from '../generations/status.js'
import { Failure, orFail } from '../process/failure.js'
import { askMembers, type Members } from '../process/members.js'
import { print, printJson } from '../process/output.js'
import { RECOVER_ADVICE } from '../process/standing.js'
import { consumerName } from '../projections/target.js'
import { listInstances, type ServiceInstance } from '../service/instances.js'
import { getText, listKeys, parkedPrefix, SEED_KEY } from '../stream/config-bucket.js'
import { leadershipOf } from '../stream/leadership.js'
import { manager, openBucket, streamInfo } from '../stream/provision.js'
import { configStream, DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { lookWith, settingsProblems } from './checked-ledger.js'
import { type Connected, tablesOf, withNats } from './command.js'
import { readWarnings } from './warnings.js'

const PARKED_MAX = 10_000
/** An active instance reports every 5 s; after this time without a report it is shown as silent. */
const SILENT_AFTER_MS = 20_000
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
  const { state, config, cluster } = await orFail(info)
  return {
    messages: state.messages,
    last_seq: state.last_seq,
    bytes: state.bytes,
    replicas: config.num_replicas,
    leader: cluster?.leader,
    followers: (cluster?.replicas ?? []).map(({ name, current, offline }) => ({
      name,
      state: offline ? 'offline' : current ? 'current' : 'behind',
    })),
  }
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

/** Finds parts that do not belong together or were changed by hand: a sentence each, with the way to mend it. */
const readTrouble = async (connected: Connected, jsm: JetStreamManager): Promise<readonly string[]> => {
  const tables = tablesOf(connected)
  try {
    const look = await lookWith(connected, jsm, tables)
    if (look.tag === 'stopped' && look.finding.tag === 'absent')
      throw new Failure(`${look.reason}; ${RECOVER_ADVICE}`)
    const problems = await recordProblems(jsm, PROJECTION_NAMES)()
    const settings = await settingsProblems(connected)
    const proved = await leadershipOf(connected.nc).prove()()
    return [
      ...(E.isLeft(proved) ? [`${proved.left.message}: what is said of it may be old`] : []),
      ...(look.tag === 'stopped' ? [`the ledger stands still: ${look.reason}; ${RECOVER_ADVICE}`] : []),
      ...settings,
      ...(E.isLeft(problems) ? [] : problems.right.map(describeProblem)),
    ]
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

const readStatus = async (connected: Connected) => {
  const { nc, config } = connected
  const jsm = await orFail(manager(nc))
  const trouble = await readTrouble(connected, jsm)
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
    dead_letters: await orFail(countDeadLetters(nc)),
    parked: await parkedIds(nc),
    instances: await listInstances(nc, SERVICE),
    trouble,
    warnings: await readWarnings(connected, servers),
  }
}

type Status = Awaited<ReturnType<typeof readStatus>>

const projectionLine = ({ projection, generation, previous, by, lag, said }: ProjectionStatus): string => {
  const kept = previous === undefined ? '' : ` (${previous} is kept)`
  const name = `  ${projection.padEnd(9)} generation ${generation}${kept}${by === undefined ? '' : ` by ${by}`}`
  if (lag === undefined) return `${name}, nobody has run it yet`
  const behind = lag.lag_events === 0 ? 'caught up' : `${lag.lag_events} events behind, for ${lag.lag_ms} ms`
  if (said === undefined) return `${name}, at ${lag.seq}, ${behind}`
  const silent_ms = Date.now() - Date.parse(said.at)
  const silence = silent_ms > SILENT_AFTER_MS ? `, silent since ${said.at}` : ''
  const trouble = said.last_error === undefined ? '' : `, last error: ${said.last_error}`
  return `${name}, at ${lag.seq}, ${behind}, active on ${said.instance}${silence}${trouble}`
}

const instanceLine = ({ id, version, endpoints, slowed_to_per_s }: ServiceInstance): string => {
  const slowed =
    slowed_to_per_s === undefined
      ? ''
      : `; projections are behind: slowed to ${slowed_to_per_s} commands/s, others are answered BUSY`
  return `  ${id}  version ${version}  ${endpoints.map(({ name }) => name).join(', ')}${slowed}`
}

const serversLine = ({ seen, unseen }: Members): string => {
  const known = seen.map(({ name, version }) => `${name} ${version}`).join(', ')
  return unseen.length === 0 ? known : `${known}; not known: ${unseen.join(', ')}`
}

const SHOWN_MAX = 10

const printStatus = ({
  stream,
  servers,
  seed,
  projections,
  dead_letters,
  parked,
  instances,
  trouble,
  warnings,
}: Status): void => {
  const { messages, last_seq, bytes, replicas, leader, followers } = stream
  const peers = followers.map(({ name, state }) => `${name} (${state})`).join(', ')
  const where = leader === undefined ? '' : `, leader ${leader}${peers === '' ? '' : `, followers ${peers}`}`
  print(
    `stream        ${messages} events to sequence ${last_seq}, ${bytes} bytes, replicas ${replicas}${where}`,
  )
  print(`servers       ${serversLine(servers)}`)
  print(`seed          ${seed}`)
  print('projections')
  for (const projection of projections) print(projectionLine(projection))
  const refused = Object.entries(dead_letters.unstorable).map(([name, count]) => `${count} of ${name}`)
  const unstorable = refused.length === 0 ? '' : `, refused by their tables: ${refused.join(', ')}`
  const junk = dead_letters.junk === 0 ? '' : `, ${dead_letters.junk} messages among them are none`
  print(`dead letters  ${dead_letters.open} open of ${dead_letters.total}${unstorable}${junk}`)
  const more = parked.length > SHOWN_MAX ? ', ...' : ''
  const named = parked.length === 0 ? '' : `: ${parked.slice(0, SHOWN_MAX).join(', ')}${more}`
  print(`parked        ${parked.length} customers${named}`)
  print(`instances     ${instances.length}`)
  for (const instance of instances) print(instanceLine(instance))
  for (const each of trouble) print(`TROUBLE       ${each}`)
  for (const each of warnings) print(`WARNING       ${each}`)
}

const status = ({ json }: { readonly json?: true }): Promise<void> =>
  withNats(async connected => {
    const found = await readStatus(connected)
    if (json) printJson(found)
    else printStatus(found)
  })

export const statusCommand = (program: Command): void => {
  program
    .command('status')
    .description('show stream, projections and their lag, dead letters, parked customers and instances')
    .option('--json', 'print it as JSON')
    .action(status)
}
