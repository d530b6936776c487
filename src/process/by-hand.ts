/**
 * What a person may have changed by hand while the ledger runs: settings of its streams and of its bucket, and the small
 * records in the bucket. Told in health, each with what mends it.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { describeProblem, recordProblems } from '../belonging/control-records.js'
import type { LedgerRecord } from '../belonging/ledger-record.js'
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

/** The part of health that tells of the ledger stream's settings. */
export const SETTINGS = 'stream settings'
/** The part that tells of the dead letters' stream and the bucket. */
export const BESIDE = 'dead letters and bucket'
/** The part that tells of the records in the bucket. */
export const RECORDS = 'records in the bucket'

/** The part that tells of the projections' consumers. */
export const CONSUMERS = 'consumers'

export type ByHandDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly settings: SettingsOptions
  readonly health: Health
}

const configOf = ({ config }: StreamInfo): Readonly<Record<string, unknown>> =>
  config as unknown as Record<string, unknown>

const report = (health: Health, part: string, said: readonly string[], state: 'degraded' | 'down'): void =>
  health.report(part, said.length === 0 ? 'ok' : state, said.join('; '))

const say = (wanted: StreamSettings, info: StreamInfo): readonly string[] => {
  const said = describeDifferences(wanted, configOf(info))
  return said === undefined ? [] : [said]
}

/** The settings of the ledger stream, as its leader has just sent them. */
export const checkLedgerSettings = ({ settings, health }: ByHandDeps, info: StreamInfo): void => {
  const [wanted] = allSettings(settings)
  const state = isDangerous(differencesOf(wanted, configOf(info))) ? 'down' : 'degraded'
  report(health, SETTINGS, say(wanted, info), state)
}

const lettersProblems = (info: StreamInfo, record: LedgerRecord | undefined): readonly string[] =>
  info.config.name !== DEAD_LETTER_STREAM || record === undefined || record.letters_created === info.created
    ? []
    : [
        `stream ${DEAD_LETTER_STREAM} is another one than the one that was noted (made at ${info.created}): letters of before may be missing ("jetledger recover" notes it)`,
      ]

/** Everything beside the ledger stream; what cannot be asked at the moment is left as it was said last. */
export const checkBeside = async (
  { nc, jsm, settings, health }: ByHandDeps,
  record: LedgerRecord | undefined,
): Promise<void> => {
  const said: string[] = []
  for (const wanted of allSettings(settings).filter(({ name }) => name !== LEDGER_STREAM)) {
    const info = await streamInfo(nc, wanted.name)()
    if (E.isLeft(info) && info.left.tag === 'NotFound')
      said.push(`stream ${wanted.name} was deleted; it is made anew`)
    if (E.isRight(info)) said.push(...say(wanted, info.right), ...lettersProblems(info.right, record))
  }
  report(health, BESIDE, said, 'degraded')
  const problems = await recordProblems(jsm, PROJECTION_NAMES)()
  if (E.isRight(problems)) report(health, RECORDS, problems.right.map(describeProblem), 'degraded')
}

/** The consumers of the active generations: a change is told once, and undone. */
export const checkConsumers = async ({ jsm, health }: ByHandDeps): Promise<void> => {
  const said: string[] = []
  for (const name of PROJECTION_NAMES) {
    const pointer = await readPointer(jsm, name)()
    if (E.isLeft(pointer)) continue
    const consumer = consumerOf(name, pointer.right.generation)
    const found = await mendConsumer(jsm, consumer)()
    if (E.isLeft(found)) said.push(`consumer ${consumer} could not be changed back: ${found.left.message}`)
    else if (found.right.length > 0)
      said.push(`consumer ${consumer} was changed by hand, and is changed back: ${found.right.join('; ')}`)
  }
  report(health, CONSUMERS, said, 'degraded')
}
