/**
 * Signs heads of the ledger, beside everything else that a process does.
 *
 * A head is a pure function of the head before it and of the events since. So there is no state but the newest head in the
 * stream, and no lock: instances that sign at the same time refuse each other's heads, and any instance can go on where
 * another one ended. For economy one instance signs as long as it writes the heads; the others look now and then, and take
 * over when its heads stay out.
 *
 * Each step reads the last event that was signed once more. When it is not that event any more, nothing is signed: the
 * heads would only vouch for a stream that contradicts them. A person then looks, and begins a new line.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { rest } from '../back-off.js'
import { E, Failed, run } from '../fp.js'
import type { Health } from '../health.js'
import { within } from '../parallel.js'
import { leadershipOf, type Proof } from '../stream/leadership.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { readEntries } from './entries.js'
import { LEAVES_MAX, nextHead } from './head.js'
import { type HeadsEnd, readEnd, writeHead } from './head-stream.js'
import { noteLag } from './lag.js'
import { type Leaf, leafOf } from './leaf.js'
import type { Signer } from './nkey.js'

export type KeeperDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly log: Logger
  readonly health: Health
}

/** `look_ms`: between two looks at the ledger; `head_ms`: the age of a head after which new events get another one. */
export type KeeperPace = { readonly look_ms: number; readonly head_ms: number; readonly log_ms: number }
const PACE: KeeperPace = { look_ms: 1_000, head_ms: 60_000, log_ms: 60_000 }
/** The times of `head_ms` for which the heads of another instance may stay out. */
const PATIENCE = 1.25
/** An instance that signs nothing asks for the newest head once in so many looks. */
const LOOKS_OF_STANDBY = 5
/** The time that a stopping process has for its last head, and for what was going on before. */
const STOP_MS_MAX = 5_000

export const HEADS_PART = 'signed heads'

export type Keeper = {
  /** Signs what is not signed yet, if this instance is the one that signs, and ends. */
  readonly stop: () => Promise<void>
}

/** The stream holds something else than what was signed. */
class Contradiction extends Error {
  override readonly name = 'Contradiction'
}

const ADVICE =
  '"jetledger verify --chain" says what changed, and "jetledger heads begin" signs the stream as it is'

/** Reads the leaves that the next head adds, and checks that the last leaf of `end` is still in its place. */
const readLeaves = async (
  { nc, jsm }: KeeperDeps,
  { head }: HeadsEnd,
  proof: Proof,
): Promise<readonly Leaf[]> => {
  const size = head?.tree.size ?? 0
  const last = head?.leaves.at(-1)
  const from_seq = last === undefined ? size + 1 : size
  const to_seq = Math.min(proof.last_seq, size + LEAVES_MAX)
  const leaves: Leaf[] = []
  for await (const page of readEntries({ nc, jsm }, proof, from_seq, to_seq)) leaves.push(...page.map(leafOf))
  if (last === undefined) return leaves
  if (leaves.shift()?.hash.equals(last.hash) !== true)
    throw new Contradiction(
      `event ${size} of ${LEDGER_STREAM} is not the one that was signed, so nothing is signed any more: ${ADVICE}`,
    )
  return leaves
}

const sizeOf = ({ head }: HeadsEnd): number => head?.tree.size ?? 0

const refuseShorter = (end: HeadsEnd, { last_seq }: Proof): void => {
  if (sizeOf(end) > last_seq)
    throw new Contradiction(
      `${LEDGER_STREAM} ends at ${last_seq}, but its events up to ${sizeOf(end)} were signed, so nothing is signed any more: ${ADVICE}`,
    )
}

class HeadKeeper implements Keeper {
  readonly #deps: KeeperDeps
  readonly #signer: Signer
  readonly #pace: KeeperPace
  readonly #ending = new AbortController()
  readonly #ended: Promise<void>
  /** The newest head, as far as it is known. */
  #end: HeadsEnd | undefined
  /** Whether this instance has written the newest head. */
  #is_signing = false
  #looks = 0
  #logged_ms = performance.now()

  constructor(deps: KeeperDeps, signer: Signer, pace: KeeperPace) {
    this.#deps = deps
    this.#signer = signer
    this.#pace = pace
    this.#ended = this.#keep()
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await within(STOP_MS_MAX, this.#ended)
  }

  async #keep(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      await this.#lookSafely(false)
      await rest(this.#pace.look_ms, signal)
    }
    if (this.#is_signing) await this.#lookSafely(true)
  }

  async #lookSafely(is_last: boolean): Promise<void> {
    const { health } = this.#deps
    try {
      while (await this.#look(is_last)) if (this.#ending.signal.aborted && !is_last) break
      health.report(HEADS_PART, 'ok')
    } catch (thrown) {
      // what is known may be wrong, or a person may have begun a new line
      this.#end = undefined
      health.report(HEADS_PART, 'degraded', thrown instanceof Error ? thrown.message : String(thrown))
    }
    this.#looks += 1
  }

  /** Signs one head, if it is time for one. Whether it did: then it may be time for another one. */
  async #look(is_last: boolean): Promise<boolean> {
    const known = await this.#known()
    // the proof comes after the head, so that its end is not before the head's
    const proof = await run(leadershipOf(this.#deps.nc).prove())
    refuseShorter(known, proof)
    if (!this.#isDue(known, proof, is_last)) {
      await this.#report(known, proof)
      return false
    }
    // an instance that takes over does so after a look at the newest head
    const newest = this.#is_signing ? known : await this.#reload()
    return newest.place === known.place ? await this.#sign(newest, proof) : true
  }

  async #known(): Promise<HeadsEnd> {
    const is_due = !this.#is_signing && this.#looks % LOOKS_OF_STANDBY === 0
    return this.#end === undefined || is_due ? await this.#reload() : this.#end
  }

  async #reload(): Promise<HeadsEnd> {
    const found = await run(readEnd(this.#deps.nc, this.#signer.key))
    // another instance has written since
    if (found.place !== this.#end?.place) this.#is_signing = false
    this.#end = found
    return found
  }

  /** Whether it is time for another head, by the clock of the stream's leader. */
  #isDue(end: HeadsEnd, { last_seq, server_time }: Proof, is_last: boolean): boolean {
    const pending = last_seq - sizeOf(end)
    if (pending <= 0) return false
    if (this.#is_signing && (is_last || pending >= LEAVES_MAX)) return true
    const at_ms = end.head === undefined ? Number.NEGATIVE_INFINITY : Date.parse(end.head.head.at)
    return server_time.getTime() - at_ms >= this.#pace.head_ms * (this.#is_signing ? 1 : PATIENCE)
  }

  /** Writes the next head. False: another instance was faster. */
  async #sign(before: HeadsEnd, proof: Proof): Promise<boolean> {
    const leaves = await readLeaves(this.#deps, before, proof)
    const head = await nextHead(this.#signer, before.head, leaves, proof.server_time)
    const written = await writeHead(this.#deps.nc, before.place, head)()
    if (E.isLeft(written) && written.left.tag !== 'Conflict') throw new Failed(written.left)
    this.#is_signing = E.isRight(written)
    this.#end = E.isRight(written) ? { place: written.right, head } : undefined
    return this.#is_signing
  }

  async #report(end: HeadsEnd, proof: Proof): Promise<void> {
    const lag = await noteLag(this.#deps.nc, sizeOf(end), proof)
    if (lag === undefined || performance.now() - this.#logged_ms < this.#pace.log_ms) return
    this.#logged_ms = performance.now()
    this.#deps.log.info({ metric: 'chain_lag', ...lag }, 'events that no signed head vouches for yet')
  }
}

/** Starts to sign heads in the background. It ends with `stop` only. */
export const startKeeper = (deps: KeeperDeps, signer: Signer, pace: KeeperPace = PACE): Keeper => {
  deps.log.info({ key: signer.key }, 'signed heads: this process can sign')
  return new HeadKeeper(deps, signer, pace)
}
