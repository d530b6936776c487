/**
 * Says what `jetledger stream apply` would make or change, without changing anything.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { E } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { orFail } from '../process/failure.js'
import { consumerDifferences, consumerOf } from '../stream/consumer.js'
import { tryStream } from '../stream/errors.js'
import { manager, streamInfo } from '../stream/provision.js'
import {
  allSettings,
  differences,
  LEDGER_STREAM,
  type SettingsOptions,
  type StreamSettings,
  transactionIdsStream,
} from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import type { Connected } from './command.js'

/** One stream, bucket or consumer that is missing or has other settings. */
export type PlannedChange = {
  readonly kind: 'stream' | 'consumer'
  readonly name: string
  readonly action: 'make' | 'change'
  /** `setting: is X, should be Y`; none for what is missing. */
  readonly differences: readonly string[]
}

const planned = (
  kind: PlannedChange['kind'],
  name: string,
  found: readonly string[] | undefined,
): readonly PlannedChange[] => {
  if (found === undefined) return [{ kind, name, action: 'make', differences: [] }]
  return found.length === 0 ? [] : [{ kind, name, action: 'change', differences: found }]
}

const ofStream = async ({ nc }: Connected, wanted: StreamSettings): Promise<readonly PlannedChange[]> => {
  const info = await streamInfo(nc, wanted.name)()
  if (E.isLeft(info) && info.left.tag === 'NotFound') return planned('stream', wanted.name, undefined)
  const { config } = await orFail(async () => info)
  return planned('stream', wanted.name, differences(wanted, config as unknown as Record<string, unknown>))
}

const ofConsumer = async (jsm: JetStreamManager, name: string): Promise<readonly PlannedChange[]> => {
  const info = await tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name))()
  if (E.isLeft(info) && info.left.tag === 'NotFound') return planned('consumer', name, undefined)
  return planned('consumer', name, consumerDifferences(name, await orFail(async () => info)))
}

/** The consumers of the projections. Without a bucket nothing says which generation is active: it is the first then. */
const ofConsumers = async ({ nc }: Connected): Promise<readonly PlannedChange[]> => {
  const jsm = await orFail(manager(nc))
  const changes: PlannedChange[] = []
  for (const projection of PROJECTION_NAMES) {
    const pointer = await readPointer(jsm, projection)()
    const is_new = E.isLeft(pointer) && pointer.left.tag === 'NotFound'
    const { generation } = is_new ? { generation: 1 } : await orFail(async () => pointer)
    changes.push(...(await ofConsumer(jsm, consumerOf(projection, generation))))
  }
  return changes
}

/** Everything that `apply` would make or change. */
export const planApply = async (
  connected: Connected,
  settings: SettingsOptions,
): Promise<readonly PlannedChange[]> => {
  const wanted = [...allSettings(settings), transactionIdsStream(settings)]
  const streams = await Promise.all(wanted.map(each => ofStream(connected, each)))
  return [...streams.flat(), ...(await ofConsumers(connected))]
}
