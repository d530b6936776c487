/**
 * Lists the customers that wait at an event of a schema that no running program knows.
 */

import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { type AccountNames, namesOf } from '../ledger/account-id.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
import { listParked } from '../projections/parked.js'

export type WaitingCustomer = AccountNames & {
  readonly seq: number
  readonly schema: number
  /** A decision about the event has come, and the customer is being folded again. */
  readonly decided: boolean
  readonly projections: readonly string[]
}

/** The customers and the events that they wait at, in the order of the events. Throws `Failed`. */
export const listWaiting = async (deps: {
  readonly nc: NatsConnection
  readonly kv: KV
}): Promise<readonly WaitingCustomer[]> => {
  const found = new Map<string, WaitingCustomer>()
  for (const projection of Object.values(PROJECTIONS)) {
    for (const note of await listParked({ ...deps, projection })) {
      const { client_id: id, seq, schema, decided = false } = note
      const key = `${id} ${seq}`
      const projections = [...(found.get(key)?.projections ?? []), projection.name]
      const was_decided = found.get(key)?.decided ?? decided
      found.set(key, { ...namesOf(id), seq, schema, decided: was_decided, projections })
    }
  }
  return [...found.values()].sort((a, b) => a.seq - b.seq)
}
