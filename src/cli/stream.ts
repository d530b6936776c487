/**
 * `jetledger stream show|apply`: shows the ledger's streams and its bucket, and makes their settings as they should be.
 *
 * `apply` is the operator's: the roles have no right to make a stream or a consumer (`src/permissions`).
 */

import { StoreCompression, type StreamInfo } from '@nats-io/jetstream'
import type { Command } from 'commander'
import { lookAtLedger } from '../belonging/look.js'
import { E, TE } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson, tell } from '../process/output.js'
import { RECOVER_ADVICE } from '../process/standing.js'
import { consumerOf, makeConsumer } from '../stream/consumer.js'
import { applySettings, applyTransactionIds, manager, streamInfo } from '../stream/provision.js'
import {
  allSettings,
  COMPRESSION_ADVICE,
  differences,
  type SettingsOptions,
  TRANSACTION_IDS_STREAM,
  transactionIdsStream,
} from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { type Connected, settingsFor, withNats } from './command.js'
import { planApply } from './stream-plan.js'

type ShowOptions = { readonly json?: true }

const differencesOf = ({ config }: StreamInfo, settings: SettingsOptions): string[] => {
  const wanted = [...allSettings(settings), transactionIdsStream(settings)].find(
    ({ name }) => name === config.name,
  )
  return wanted === undefined ? [] : differences(wanted, config as unknown as Record<string, unknown>)
}

const replicasOf = ({ cluster }: StreamInfo): string => {
  if (cluster?.leader === undefined) return ''
  const followers = (cluster.replicas ?? []).map(
    ({ name, current, offline }) => `${name} (${offline ? 'offline' : current ? 'current' : 'behind'})`,
  )
  return `leader ${cluster.leader}${followers.length === 0 ? '' : `, followers ${followers.join(', ')}`}`
}

const printStream = (info: StreamInfo, differs: readonly string[]): void => {
  const { config, state } = info
  print(config.name)
  print(`  subjects   ${config.subjects.join(', ')}`)
  print(`  replicas   ${config.num_replicas}  ${replicasOf(info)}`)
  print(
    `  events     ${state.messages}, sequences ${state.first_seq} to ${state.last_seq}, ${state.bytes} bytes`,
  )
  print(`  storage    ${config.storage}, ${config.compression}, discard ${config.discard}`)
  print(`  settings   ${differs.length === 0 ? 'as they should be' : 'DIFFERENT:'}`)
  for (const difference of differs) print(`    ${difference}`)
}

/** The stream of the checkpoint, in a list that is empty when there is none. */
const readCheckpoint = async ({ nc }: Connected): Promise<readonly StreamInfo[]> => {
  const info = await streamInfo(nc, TRANSACTION_IDS_STREAM)()
  return E.isRight(info) ? [info.right] : []
}

const readStreams = async (connected: Connected, settings: SettingsOptions) => {
  const { nc } = connected
  const needed = await Promise.all(allSettings(settings).map(({ name }) => orFail(streamInfo(nc, name))))
  const infos = [...needed, ...(await readCheckpoint(connected))]
  return infos.map(info => ({ info, differs: differencesOf(info, settings) }))
}

const report = (streams: Awaited<ReturnType<typeof readStreams>>, json: boolean): void => {
  if (json) printJson(streams.map(({ info, differs }) => ({ ...info, differences: differs })))
  else for (const { info, differs } of streams) printStream(info, differs)
}

const show = ({ json }: ShowOptions): Promise<void> =>
  withNats(async connected =>
    report(await readStreams(connected, await settingsFor(connected)), json === true),
  )

/**
 * Throws `Failure` when the noted stream is gone: `apply` would make an empty one, which could be mistaken for the
 * ledger. It asks NATS only, because the operator who makes the streams of a new ledger may have no access to
 * DynamoDB.
 */
const refuseEmptyOne = async ({ nc }: Connected): Promise<void> => {
  const jsm = await orFail(manager(nc))
  const look = await orFail(lookAtLedger({ nc, jsm, tables: TE.right([]), has_batches_checked: true }))
  if (look.tag === 'stopped' && look.finding.tag === 'absent')
    throw new Failure(`${look.reason}; ${RECOVER_ADVICE}`)
}

/** Makes the stream of the checkpoint, without which a ledger works too: so a failure is told and does not count. */
const applyCheckpoint = async ({ nc }: Connected, settings: SettingsOptions): Promise<void> => {
  const applied = await applyTransactionIds(nc, settings)()
  if (E.isLeft(applied))
    tell(
      `${TRANSACTION_IDS_STREAM} could not be made as it should be: ${applied.left.message}. The ledger works without; a process that starts reads more of the ledger`,
    )
}

/** Makes the missing consumers of the projections, and changes settings of theirs back that were changed by hand. */
const applyConsumers = async ({ nc }: Connected): Promise<void> => {
  const jsm = await orFail(manager(nc))
  for (const projection of PROJECTION_NAMES) {
    const { generation } = await orFail(readPointer(jsm, projection))
    await orFail(makeConsumer(jsm, consumerOf(projection, generation), { seq: 1 }))
  }
}

/** The names of streams that have several replicas and are compressed. */
const compressed = async ({ nc }: Connected, settings: SettingsOptions): Promise<readonly string[]> => {
  const infos = await Promise.all(allSettings(settings).map(({ name }) => streamInfo(nc, name)()))
  return infos.flatMap(info =>
    E.isRight(info) &&
    info.right.config.compression === StoreCompression.S2 &&
    info.right.config.num_replicas > 1
      ? [info.right.config.name]
      : [],
  )
}

type ApplyOptions = ShowOptions & {
  readonly heads?: true
  readonly personKeys?: true
  readonly dryRun?: true
}

/** Says what would be made or changed. Throws `Failure` where something would be, so that a script knows by the exit code. */
const showPlan = async (connected: Connected, settings: SettingsOptions, json: boolean): Promise<void> => {
  const changes = await planApply(connected, settings)
  if (json) printJson(changes)
  else if (changes.length === 0) print('everything is as it should be')
  else
    for (const { kind, name, action, differences: found } of changes) {
      print(`would ${action} the ${kind} ${name}`)
      for (const difference of found) print(`    ${difference}`)
    }
  if (changes.length > 0) throw new Failure(`${changes.length} things would be made or changed`)
}

const apply = ({ json, heads, personKeys, dryRun }: ApplyOptions): Promise<void> =>
  withNats(async connected => {
    await refuseEmptyOne(connected)
    const found = await settingsFor(connected)
    const settings = {
      ...found,
      ...(heads ? { has_heads: true } : {}),
      ...(personKeys ? { has_person_keys: true } : {}),
    }
    if (dryRun) return showPlan(connected, settings, json === true)
    const before = await compressed(connected, settings)
    await orFail(applySettings(connected.nc, settings))
    await applyCheckpoint(connected, settings)
    await applyConsumers(connected)
    report(await readStreams(connected, settings), json === true)
    if (before.length > 0)
      tell(
        `${before.join(' and ')}: what was stored before stays compressed. Now end each node with SIGTERM and start it again on 2.14, one after the other: ${COMPRESSION_ADVICE}`,
      )
  })

export const streamCommand = (program: Command): void => {
  const stream = program.command('stream').description("the ledger's streams and its bucket in NATS")
  stream
    .command('show')
    .description('show settings, state and replicas, and where the settings are not as they should be')
    .option('--json', "print the server's own answer as JSON")
    .action(show)
  stream
    .command('apply')
    .description(
      "create the streams, the bucket and the projections' consumers, or change their settings to what they should be",
    )
    .option('--dry-run', 'only say what would be made or changed; ends with 1 where something would be')
    .option('--heads', 'also the stream of signed heads, which only a ledger with signed heads has')
    .option(
      '--person-keys',
      'also the bucket of keys of persons, which only a ledger with sealed texts has (docs/privacy.md)',
    )
    .option('--json', "print the server's own answer as JSON")
    .action(apply)
}
