/**
 * Chooses the nats-server to which the client connects next. It keeps the client's own choice, with two exceptions:
 * after a change on purpose the next connection goes to the intended server, and the server that was left is avoided
 * for 30 s.
 */

import type { ConnectionOptions } from 'nats'

type Choose = NonNullable<ConnectionOptions['reconnectToServer']>

export type ServerChoice = {
  /** The client's option `reconnectToServer`. */
  readonly choose: Choose
  /** Notes that the client leaves the server at the address `left` for the server at `next`. */
  readonly leave: (left: string, next: string) => void
}

/** A server that was cut off may come back at any time, and trying it again at a later change costs little. */
const AVOID_MS = 30_000

export const createServerChoice = (now_ms: () => number): ServerChoice => {
  const avoided_until_ms = new Map<string, number>()
  let wanted: string | undefined

  const isAvoided = ({ listen }: { readonly listen: string }): boolean =>
    (avoided_until_ms.get(listen) ?? 0) > now_ms()

  const choose: Choose = pool => {
    const chosen = pool.find(({ listen }) => listen === wanted)
    // the wanted server is tried once only: it may be out of reach
    wanted = undefined
    if (chosen !== undefined) return chosen
    const [usual] = pool
    if (usual === undefined || !isAvoided(usual)) return null
    const [first = null] = pool
      .filter(server => !isAvoided(server))
      .sort((a, b) => a.lastConnect - b.lastConnect)
    return first
  }

  return {
    choose,
    leave: (left, next) => {
      wanted = next
      avoided_until_ms.set(left, now_ms() + AVOID_MS)
      avoided_until_ms.delete(next)
    },
  }
}
