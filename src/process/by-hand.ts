/**
 * Finds what a person changed by hand while the ledger runs: settings of its streams, its bucket and its consumers, and
 * the small records in the bucket. Each change is reported in health, together with the way to mend it.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { describeProblem, recordProblems } from '../belonging/control-records.js'
import { hasNotedLetters, type LedgerRecord } from '../belonging/ledger-record.js'
import { E } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import type { Health } from '../health.js'
import { consumerOf, mendConsumer } from '../stream/consumer.js'
import { streamInfo } from '../stream/provision.js'
import {
  allSettings,
  DEAD_LETTER_STREAM,
  describeDifferences,
  differencesOf,
  isDangerous,
  LEDGER_STREAM,
  type SettingsOptions,
  type StreamSettings,
} from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'

/** The part of health for the settings of the ledger stream. */
export const SETTINGS = 'stream settings'
/** The part of health for the stream of dead letters and the bucket. */
export const BESIDE = 'dead letters and bucket'
/** The part of health for the records in the bucket. */
export const RECORDS = 'records in the bucket'
/** The part of health for the consumers of the projections. */
export const CONSUMERS = 'consumers'

export type ByHandDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly settings: SettingsOptions
  readonly health: Health
}

const configOf = ({ config }: StreamInfo): Readonly<Record<string, unknown>> =>
  config as unknown as Record<string, unknown>

const report = (
  health: Health,
  part: string,
  problems: readonly string[],
  state: 'degraded' | 'down',
): void => health.report(part, problems.length === 0 ? 'ok' : state, problems.join('; '))

const settingsProblems = (wanted: StreamSettings, info: StreamInfo): readonly string[] => {
  const problem = describeDifferences(wanted, configOf(info))
  return problem === undefined ? [] : [problem]
}

/** Reports whether the settings of the ledger stream are right; `info` is what its leader has just sent. */
export const checkLedgerSettings = ({ settings, health }: ByHandDeps, info: StreamInfo): void => {
  const [wanted] = allSettings(settings)
  const state = isDangerous(differencesOf(wanted, configOf(info))) ? 'down' : 'degraded'
  report(health, SETTINGS, settingsProblems(wanted, info), state)
}

const lettersProblems = (info: StreamInfo, record: LedgerRecord | undefined): readonly string[] =>
  info.config.name !== DEAD_LETTER_STREAM || record === undefined || hasNotedLetters(record, info)
    ? []
    : [
        `stream ${DEAD_LETTER_STREAM} is another one than the one that was noted (made at ${info.created}): letters of before may be missing ("jetledger recover" notes it)`,
      ]

/**
 * Reports on the stream of dead letters, the bucket and the records in it. While a server does not answer about one of them
 * its last report stays.
 */
export const checkBeside = async (
  { nc, jsm, settings, health }: ByHandDeps,
  record: LedgerRecord | undefined,
): Promise<void> => {
  const problems: string[] = []
  let is_complete = true
  for (const wanted of allSettings(settings).filter(({ name }) => name !== LEDGER_STREAM)) {
    const info = await streamInfo(nc, wanted.name)()
    if (E.isLeft(info) && info.left.tag === 'NotFound')
      problems.push(
        `stream ${wanted.name} was deleted; it is made anew, by "jetledger stream apply" where the roles may not make it`,
      )
    else if (E.isLeft(info)) is_complete = false
    if (E.isRight(info))
      problems.push(...settingsProblems(wanted, info.right), ...lettersProblems(info.right, record))
  }
  if (is_complete || problems.length > 0) report(health, BESIDE, problems, 'degraded')
  const records = await recordProblems(jsm, PROJECTION_NAMES)()
  if (E.isRight(records)) report(health, RECORDS, records.right.map(describeProblem), 'degraded')
}

/**
 * Undoes changes to the consumers of the active generations, and reports each change once. While it cannot be read which
 * generation is active the last report stays.
 */
export const checkConsumers = async ({ jsm, health }: ByHandDeps): Promise<void> => {
  const problems: string[] = []
  let is_complete = true
  for (const name of PROJECTION_NAMES) {
    const pointer = await readPointer(jsm, name)()
    if (E.isLeft(pointer)) {
      is_complete = false
      continue
    }
    const consumer = consumerOf(name, pointer.right.generation)
    const changes = await mendConsumer(jsm, consumer)()
    if (E.isLeft(changes))
      problems.push(`consumer ${consumer} could not be changed back: ${changes.left.message}`)
    else if (changes.right.length > 0)
      problems.push(
        `consumer ${consumer} was changed by hand, and is changed back: ${changes.right.join('; ')}`,
      )
  }
  if (is_complete || problems.length > 0) report(health, CONSUMERS, problems, 'degraded')
}
