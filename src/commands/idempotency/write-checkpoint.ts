/**
 * Writes the checkpoint of transaction ids: each chunk that this instance has collected, when it is proved that the ledger
 * has the events of it.
 *
 * Every instance of `commands` writes, because all of them make the same chunks: the first one stores a chunk, the others
 * are refused by the expected sequence. That costs 8 bytes an event and needs no agreement. The ledger works without the
 * checkpoint, so a failure is a sentence in the log and in health, and nothing else.
 */

import { type BackOff, pause } from '../../back-off.js'
import { E, pipe, TE } from '../../fp.js'
import { chunkSubject, type NamedChunk } from '../../known-ids/id-chunk.js'
import type { WrongChunk } from '../../known-ids/read-checkpoint.js'
import { type StreamError, tryStream } from '../../stream/errors.js'
import type { FollowDeps } from '../../stream/follow/follower.js'
import { createIfMissing } from '../../stream/provision.js'
import { publish } from '../../stream/publish.js'
import { LEDGER_STREAM, transactionIdsStream } from '../../stream/settings.js'

/** The chunks that wait: 8 MiB. Further ones are left out; the next process that starts reads their events and writes them. */
const WAITING_MAX = 16
const TRIES_MAX = 5
const BACK_OFF: BackOff = { first_ms: 200, max_ms: 5_000 }
const PUBLISH_TIMEOUT_MS = 5_000
const PART = 'checkpoint of transaction ids'

export class CheckpointWriter {
  readonly #deps: FollowDeps
  readonly #isProved: (seq: number) => Promise<boolean>
  readonly #ending = new AbortController()
  #waiting: NamedChunk[] = []
  #is_storing = false
  #has_said = false
  #onRoom: (() => void) | undefined
  /** The sequences of the messages that have the name of a chunk but another content, by subject: they are replaced. */
  readonly #wrong = new Map<string, number>()

  /** @param isProved says whether the ledger has all events that were collected up to a sequence, asked for at the call */
  constructor(deps: FollowDeps, isProved: (seq: number) => Promise<boolean>) {
    this.#deps = deps
    this.#isProved = isProved
  }

  /** Stores a chunk in the background. */
  add(whole: NamedChunk): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(whole)
    if (!this.#is_storing) void this.#storeAll()
  }

  /** Whether the next chunk would be left out. */
  isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX
  }

  /** Waits until another chunk may wait. It does not wait while chunks cannot be stored. */
  async untilRoom(): Promise<void> {
    while (this.isFull() && !this.#has_said && !this.#ending.signal.aborted)
      await new Promise<void>(resolve => {
        this.#onRoom = resolve
      })
  }

  /** The chunk that is stored at `seq` has not the content of its name: the next one with that name takes its place. */
  replace({ subject, seq }: WrongChunk): void {
    this.#wrong.set(subject, seq)
  }

  /** Forgets the chunks that wait, because the ledger is another one than the one that they were collected from. */
  restart(): void {
    this.#waiting = []
    this.#wrong.clear()
    this.#onRoom?.()
  }

  stop(): void {
    this.#ending.abort()
    this.#onRoom?.()
  }

  async #storeAll(): Promise<void> {
    this.#is_storing = true
    for (let whole = this.#waiting[0]; whole !== undefined; whole = this.#waiting[0]) {
      await this.#store(whole)
      if (this.#waiting[0] === whole) this.#waiting.shift()
      if (this.#ending.signal.aborted) this.#waiting = []
      this.#onRoom?.()
    }
    this.#is_storing = false
  }

  async #store(whole: NamedChunk): Promise<void> {
    const { signal } = this.#ending
    let failure: StreamError | undefined
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const is_proved = await this.#isProved(whole.chunk.last_seq)
      if (signal.aborted || this.#waiting[0] !== whole) return
      failure = is_proved ? await this.#publish(whole) : failure
      if (is_proved && failure === undefined) this.#say(undefined)
      if (is_proved && failure?.tag !== 'TryAgain') break
      await pause(BACK_OFF, attempt, signal)
    }
    if (failure !== undefined && !signal.aborted) this.#say(failure)
  }

  /** Publishes a chunk into the stream, which is made when it is not there. Gives the failure, if there is one. */
  async #publish({ name, chunk }: NamedChunk): Promise<StreamError | undefined> {
    const subject = chunkSubject(name)
    const message = {
      subject,
      body: chunk.body,
      expected_last_subject_seq: this.#wrong.get(subject) ?? 0,
    }
    const stored = await publish(this.#deps.nc, message, PUBLISH_TIMEOUT_MS)()
    if (E.isRight(stored)) this.#wrong.delete(subject)
    // another instance has stored it: the next process that starts judges what is there
    if (E.isRight(stored) || stored.left.tag === 'Conflict') return undefined
    // no stream may be there to answer
    const made = stored.left.tag === 'TryAgain' ? await this.#makeStream() : undefined
    return made ?? stored.left
  }

  /** Makes the stream of the chunks, with the replicas and the share of the ledger's limit. Gives the failure, if any. */
  async #makeStream(): Promise<StreamError | undefined> {
    const { nc, jsm } = this.#deps
    const made = await pipe(
      tryStream(`stream ${LEDGER_STREAM}`, () => jsm.streams.info(LEDGER_STREAM)),
      TE.chain(({ config: { num_replicas, max_bytes } }) => {
        const bytes_max = max_bytes > 0 ? { bytes_max: max_bytes } : {}
        return createIfMissing(nc, jsm, transactionIdsStream({ replicas: num_replicas, ...bytes_max }))
      }),
    )()
    return E.isLeft(made) ? made.left : undefined
  }

  /** Says once that chunks cannot be stored, until one is stored again. */
  #say(failure: StreamError | undefined): void {
    const { log, health } = this.#deps
    if ((failure === undefined) === !this.#has_said) return
    this.#has_said = failure !== undefined
    const detail =
      failure === undefined ? '' : `${failure.message}; a process that starts reads more of the ledger`
    health.report(PART, 'ok', detail)
    if (failure !== undefined)
      log.info(
        { err: failure },
        'the checkpoint of transaction ids cannot be written; the ledger works without',
      )
  }
}
