/**
 * Lists the running instances of a service: asks all of them for their STATS, as ADR-32 defines it.
 */

import { errors, type NatsConnection } from 'nats'
import { E, pipe, t } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'

const Stats = fieldsOf({
  id: t.string,
  version: t.string,
  endpoints: t.array(fieldsOf({ name: t.string, subject: t.string }, { data: t.unknown })),
})

/** An instance of a service, and its endpoints. */
export type ServiceInstance = {
  readonly id: string
  readonly version: string
  readonly endpoints: readonly { readonly name: string; readonly subject: string }[]
  /** The commands per second that it takes while projections are behind; absent while it takes all. */
  readonly slowed_to_per_s?: number
}

/** The number of instances is not known before, so an instance that has not answered within these times is not counted. */
const WAIT_MS_MAX = 1_000
const QUIET_MS_MAX = 300
const INSTANCES_MAX = 1_000

/** The largest limit that its endpoints name: each of them names the same. */
const slowedTo = (endpoints: t.TypeOf<typeof Stats>['endpoints']): number =>
  Math.max(
    0,
    ...endpoints.map(({ data }) => {
      const limit = isJsonObject(data) ? data.slowed_to_per_s : undefined
      return typeof limit === 'number' ? limit : 0
    }),
  )

const instanceOf = ({ id, version, endpoints }: t.TypeOf<typeof Stats>): ServiceInstance => {
  const slowed_to_per_s = slowedTo(endpoints)
  return {
    id,
    version,
    endpoints: endpoints.map(({ name, subject }) => ({ name, subject })),
    ...(slowed_to_per_s === 0 ? {} : { slowed_to_per_s }),
  }
}

const decode = (text: string): ServiceInstance[] =>
  pipe(
    readJson(text),
    E.chainW(Stats.decode),
    E.match(
      () => [],
      stats => [instanceOf(stats)],
    ),
  )

/** The instances of service `name` that answer within a second, sorted by id. Throws the client's errors. */
export const listInstances = async (nc: NatsConnection, name: string): Promise<ServiceInstance[]> => {
  const found: ServiceInstance[] = []
  try {
    const replies = await nc.requestMany(`$SRV.STATS.${name}`, '', {
      strategy: 'stall',
      maxWait: WAIT_MS_MAX,
      stall: QUIET_MS_MAX,
      maxMessages: INSTANCES_MAX,
    })
    for await (const reply of replies) found.push(...decode(reply.string()))
  } catch (thrown) {
    const is_unserved = thrown instanceof errors.NoRespondersError
    if (!is_unserved && !(thrown instanceof errors.RequestError && thrown.isNoResponders())) throw thrown
  }
  return found.sort((a, b) => a.id.localeCompare(b.id))
}
