/**
 * Lists the running instances of a service: asks all of them for their INFO, as ADR-32 defines it.
 */

import { errors, type NatsConnection } from 'nats'
import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'

const Info = fieldsOf({
  id: t.string,
  version: t.string,
  endpoints: t.array(fieldsOf({ name: t.string, subject: t.string })),
})

/** An instance of a service, and its endpoints. */
export type ServiceInstance = t.TypeOf<typeof Info>

/** The number of instances is not known before, so an instance that has not answered within these times is not counted. */
const WAIT_MS_MAX = 1_000
const QUIET_MS_MAX = 300
const INSTANCES_MAX = 1_000

const decode = (text: string): ServiceInstance[] =>
  pipe(
    readJson(text),
    E.chainW(Info.decode),
    E.match(
      () => [],
      info => [info],
    ),
  )

/** The instances of service `name` that answer within a second, sorted by id. Throws the client's errors. */
export const listInstances = async (nc: NatsConnection, name: string): Promise<ServiceInstance[]> => {
  const found: ServiceInstance[] = []
  try {
    const replies = await nc.requestMany(`$SRV.INFO.${name}`, '', {
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
