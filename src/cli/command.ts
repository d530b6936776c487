/**
 * What the subcommands that do one thing share: the environment, one connection, and its end.
 */

import type { NatsConnection } from 'nats'
import { type Environment, readEnvironment } from './environment.js'
import { connectOnce } from './nats.js'

export type Connected = Environment & { readonly nc: NatsConnection }

/** Connects as the environment says, does `work`, and drains the connection whatever comes of it. */
export const withNats = async <A>(work: (connected: Connected) => Promise<A>): Promise<A> => {
  const environment = readEnvironment()
  const nc = await connectOnce(environment.config)
  try {
    return await work({ ...environment, nc })
  } finally {
    await nc.drain()
  }
}
