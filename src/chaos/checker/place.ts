/** Finds the projection's table and consumer; their names carry a number from the second generation on. */

import type { NatsConnection } from 'nats'
import { askApi } from './jetstream.js'
import { countOf, field, readObject, textOf } from './json.js'

export type Place = { readonly table: string; readonly consumer: string }

/** The active generation; 1 when no pointer is stored. */
const generationOf = async (nc: NatsConnection): Promise<number> => {
  const request = { last_by_subj: '$KV.config.projection.ledger' }
  const found = await askApi(nc, 'STREAM.MSG.GET.KV_config', request)
  const data = textOf(field(field(found, 'message'), 'data')) ?? ''
  const pointer = readObject(Buffer.from(data, 'base64').toString())
  return countOf(field(pointer, 'generation')) ?? 1
}

/** The table and consumer of the active generation; `base` is the tables' base name. */
export const placeOf = async (nc: NatsConnection, base: string): Promise<Place> => {
  const generation = await generationOf(nc)
  return generation === 1
    ? { table: `${base}-ledger`, consumer: 'ledger' }
    : { table: `${base}-ledger.g${generation}`, consumer: `ledger-g${generation}` }
}
