/**
 * Reads the state of the ledger for the operators of a page: what `jetledger status` knows, and the replays of this process.
 */

import { countDeadLetters } from '../dead-letters/letters.js'
import { unwrap } from '../fp.js'
import { projectionStatus } from '../generations/status.js'
import { consumerName } from '../projections/target.js'
import { SERVICE_NAME } from '../service/endpoints.js'
import { listInstances } from '../service/instances.js'
import { streamInfo } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import type { OperationsDeps } from './deps.js'
import { listWaiting } from './parked.js'
import type { Replays } from './replays.js'
import { describeStream } from './stream.js'

/** Throws `Failed` while NATS cannot tell it. */
export const readOperationsStatus = async (deps: OperationsDeps, replays: Replays) => {
  const { nc, jsm, kv, health, askServers } = deps
  const status = async (name: (typeof PROJECTION_NAMES)[number]) =>
    unwrap(await projectionStatus({ nc, jsm, kv }, name, generation => consumerName(name, generation))())
  const [stream, servers, projections, dead_letters, parked, instances] = await Promise.all([
    streamInfo(nc, LEDGER_STREAM)().then(unwrap).then(describeStream),
    askServers(),
    Promise.all(PROJECTION_NAMES.map(status)),
    countDeadLetters(nc)().then(unwrap),
    listWaiting(deps),
    listInstances(nc, SERVICE_NAME),
  ])
  return {
    at: new Date().toISOString(),
    health: health.read(),
    stream,
    servers,
    projections,
    dead_letters,
    parked: parked.length,
    instances,
    replays: replays.list(),
  }
}
