/**
 * Forgets what this process remembers of the stream's events, when the stream turns out to be set back: a machine lost the
 * newest events and others come to their places, or the stream was made anew.
 *
 * A memory that belongs to a sequence is right only as long as the event at that sequence is the same. Followers notice that
 * it is not (follow/follower.ts), and every memory over the same connection is cleared then.
 */

import type { NatsConnection } from 'nats'

type Memory = { readonly clear: () => void }

/** Weak, because a memory may be forgotten before its connection, together with the part of the process that owns it. */
const memories = new WeakMap<NatsConnection, Set<WeakRef<Memory>>>()

/** Registers a memory of the stream's content. Returns the memory. */
export const forgetWhenSetBack = <M extends Memory>(nc: NatsConnection, memory: M): M => {
  const all = memories.get(nc) ?? new Set()
  memories.set(nc, all)
  for (const known of all) if (known.deref() === undefined) all.delete(known)
  all.add(new WeakRef(memory))
  return memory
}

/** Clears all memories of the stream's content over this connection. */
export const forgetAll = (nc: NatsConnection): void => {
  for (const memory of memories.get(nc) ?? []) memory.deref()?.clear()
}
