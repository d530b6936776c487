/** Finds the table and the consumer of a projection; their names carry a number from the second generation on. */

import type { NatsConnection } from 'nats'
import type { Projection } from './expected.js'
import { askApi } from './jetstream.js'
import { countOf, field, readObject, textOf } from './json.js'

export type Place = { readonly table: string; readonly consumer: string }

/** The active generation of a projection; 1 when no pointer is stored. */
const generationOf = async (nc: NatsConnection, projection: Projection): Promise<number> => {
  const request = { last_by_subj: `$KV.config.projection.${projection}` }
  const found = await askApi(nc, 'STREAM.MSG.GET.KV_config', request)
  const data = textOf(field(field(found, 'message'), 'data')) ?? ''
  const pointer = readObject(Buffer.from(data, 'base64').toString())
  return countOf(field(pointer, 'generation')) ?? 1
}

/** The table and consumer of the active generation; `base` is the tables' base name. */
export const placeOf = async (nc: NatsConnection, base: string, projection: Projection): Promise<Place> => {
  const generation = await generationOf(nc, projection)
  const suffix = projection === 'balances' ? '' : `-${projection}`
  return generation === 1
    ? { table: base + suffix, consumer: projection }
    : { table: `${base}${suffix}.g${generation}`, consumer: `${projection}-g${generation}` }
}
