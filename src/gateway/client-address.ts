/**
 * The address of a client, also behind balancers, for the limits of callers without a token.
 *
 * Each balancer adds the address that it saw to the end of `X-Forwarded-For`. What stands before the entries of the
 * configured balancers came from the client, who can write anything there.
 */

import { isIP } from 'node:net'

/** An address without brackets and port, as some balancers write them; undefined for any other text. */
const addressIn = (text: string | undefined): string | undefined => {
  const bare = text?.trim().replace(/^\[([^\]]*)\](?::\d{1,5})?$/, '$1') ?? ''
  if (isIP(bare) !== 0) return bare
  const without_port = bare.replace(/:\d{1,5}$/, '')
  return isIP(without_port) === 4 ? without_port : undefined
}

/**
 * The client's address behind `hops` balancers. `connected` is the address of the connection, and counts without balancers,
 * and where the header does not have what the balancers should have written.
 */
export const clientAddress = (connected: string, forwarded: string | undefined, hops: number): string => {
  if (hops === 0 || forwarded === undefined) return connected
  const entries = forwarded.split(',')
  return addressIn(entries.at(-hops)) ?? connected
}
