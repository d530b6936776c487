/**
 * Which of the known nats-servers the client connects to next: its own choice, except that a server which was left on
 * purpose is not come back to for a while, and that the first connection afterwards goes to the one it was left for.
 */

import type { ConnectionOptions } from 'nats'

type Choose = NonNullable<ConnectionOptions['reconnectToServer']>

export type ServerChoice = {
  /** The client's option `reconnectToServer`. */
  readonly choose: Choose
  /** Notes that the server at the address `left` is left for the one at `next`. */
  readonly leave: (left: string, next: string) => void
}

/** A server that was cut off may come back at any time; it costs little to find out by the next change. */
const AVOID_MS = 30_000

export const createServerChoice = (now_ms: () => number): ServerChoice => {
  const avoided_until_ms = new Map<string, number>()
  let wanted: string | undefined

  const isAvoided = ({ listen }: { readonly listen: string }): boolean =>
    (avoided_until_ms.get(listen) ?? 0) > now_ms()

  const choose: Choose = pool => {
    const chosen = pool.find(({ listen }) => listen === wanted)
    // once only: a server that cannot be reached must not be tried for ever
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
