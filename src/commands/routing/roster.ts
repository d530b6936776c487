/**
 * The instances of the command side that are alive, as one of them knows it, and the one of them that decides. Pure.
 *
 * The instance that has been there the longest decides for all. Every instance comes to the same one by itself, as soon as it
 * has heard the same signs; while two of them differ, both decide, and the stream lets one of two contradicting decisions pass
 * (docs/adr/0035). A new instance takes nothing over, so a command finds its account in memory until the deciding instance ends.
 */

import type { Sign } from './messages.js'

/** An instance that was not heard for so long is not there any more. */
export const SILENT_MS_MAX = 800
/** Signs of more instances than this are not noted, so that a mistake cannot fill the memory. */
const INSTANCES_MAX = 64

export type Peer = {
  readonly id: string
  readonly since: number
  readonly tick: number
  readonly is_leaving: boolean
}

type Noted = Peer & { heard_ms: number }

/** Whether `one` has been there longer than `other`; of two that started in one millisecond the smaller id counts as older. */
const isOlder = (one: Pick<Peer, 'id' | 'since'>, other: Pick<Peer, 'id' | 'since'>): boolean =>
  one.since < other.since || (one.since === other.since && one.id < other.id)

export class Roster {
  readonly #own: Pick<Peer, 'id' | 'since'>
  #is_own_leaving = false
  readonly #peers = new Map<string, Noted>()
  #decider: Peer | undefined

  /** `own` is this instance. */
  constructor(own: Pick<Peer, 'id' | 'since'>) {
    this.#own = own
  }

  /** The other instance that decides; undefined while this one does. */
  get decider(): Peer | undefined {
    return this.#decider
  }

  /** The number of other instances. */
  get size(): number {
    return this.#peers.size
  }

  has(id: string): boolean {
    return this.#peers.has(id)
  }

  /** Notes a sign. True if it is the first one of its instance. */
  hear(id: string, { since, tick, state }: Sign, now_ms: number): boolean {
    if (state === 'gone') {
      this.drop(id)
      return false
    }
    const is_new = !this.#peers.has(id)
    if (is_new && this.#peers.size >= INSTANCES_MAX) return false
    this.#peers.set(id, { id, since, tick, is_leaving: state === 'leaving', heard_ms: now_ms })
    this.#choose()
    return is_new
  }

  /** Notes that something else than a sign came from an instance. */
  hearWord(id: string, now_ms: number): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) peer.heard_ms = now_ms
  }

  drop(id: string): void {
    if (this.#peers.delete(id)) this.#choose()
  }

  /** Drops the instances that were silent for too long, and returns their ids. */
  dropSilent(now_ms: number): readonly string[] {
    const silent = [...this.#peers.values()].filter(({ heard_ms }) => now_ms - heard_ms > SILENT_MS_MAX)
    for (const { id } of silent) this.#peers.delete(id)
    if (silent.length > 0) this.#choose()
    return silent.map(({ id }) => id)
  }

  /** Takes `paused_ms`, for which this process stood still and heard nothing, from the silence of every instance. */
  forgive(paused_ms: number): void {
    for (const peer of this.#peers.values()) peer.heard_ms += paused_ms
  }

  /** This instance decides no more, unless no other one is left. */
  leave(): void {
    this.#is_own_leaving = true
    this.#choose()
  }

  #choose(): void {
    let oldest: Peer | undefined
    for (const peer of this.#peers.values())
      if (!peer.is_leaving && (oldest === undefined || isOlder(peer, oldest))) oldest = peer
    const is_other = oldest !== undefined && (this.#is_own_leaving || isOlder(oldest, this.#own))
    this.#decider = is_other ? oldest : undefined
  }
}
