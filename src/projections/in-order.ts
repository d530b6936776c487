/**
 * Puts deliveries back into the stream's own order, without a gap and without a repetition.
 *
 * A consumer delivers redelivered messages out of order. After a take-over by another instance it sends new messages
 * long before the old ones' acknowledgement wait is over. Folding a later event first would make the earlier one look
 * as if it were already applied, and lose it. So a missing message is read from the stream's leader instead of waited
 * for.
 */

import type { Recorded } from '../stream/recorded.js'

export type Sources = {
  /** Returns the first stream sequence that is not acknowledged yet. */
  readonly firstUnacked: () => Promise<number>
  /** Reads the first message at or after `seq`; undefined when the leader proves that there is none. */
  readonly next: (seq: number) => Promise<Recorded | undefined>
  /** Reads many messages at once, from `from` on and before `to`, from any replica. It may return none. */
  readonly ahead: (from: number, to: number) => Promise<readonly Recorded[]>
}

/**
 * A run ends early at this size of its bodies. It bounds the memory when many large messages are missing; the others
 * are read when the next delivery comes.
 */
const RUN_BYTES_MAX = 64 * 1024 * 1024

/** A message as the consumer delivered it. */
export type Delivery = Recorded & { readonly redelivered: boolean }

/**
 * Thrown when the leader does not have a message that must exist, since a later one was delivered; trying again
 * helps.
 */
export class LeaderBehind extends Error {
  override readonly name = 'LeaderBehind'
}

const bytesOf = (records: readonly Recorded[]): number =>
  records.reduce((bytes, { body }) => bytes + body.length, 0)

/** Creates a sequencer, which remembers the next sequence. Every start of consuming needs a new one. */
export const createSequencer = ({ firstUnacked, next, ahead }: Sources, bytes_max = RUN_BYTES_MAX) => {
  let expected: number | undefined
  let began: number | undefined
  /** The sequence of the last message that `takeNext` took; its delivery, which is still to come, is left out. */
  let taken: number | undefined

  /** The messages that a replica has from `seq` on, up to the first hole. */
  const neighbours = async (seq: number, to: number): Promise<readonly Recorded[]> => {
    const found = (await ahead(seq, to)).filter(record => record.seq < to)
    const hole = found.findIndex((record, i) => record.seq !== seq + i)
    return hole === -1 ? found : found.slice(0, hole)
  }

  const nextOfLeader = async (seq: number, delivered: number): Promise<Recorded> => {
    const found = await next(seq)
    if (found !== undefined) return found
    throw new LeaderBehind(`the leader has nothing at ${seq}, yet ${delivered} was delivered`)
  }

  /**
   * Reads the messages from `from` on and before `to` into `into`. Many may be missing after a take-over, so they are
   * read in blocks from any replica; only the leader can tell whether a sequence is a hole in the stream. Returns the
   * sequence that comes next: `to`, or an earlier one when `into` is full.
   */
  const fill = async (from: number, to: number, into: Recorded[]): Promise<number> => {
    if (from === to) return to
    let seq = from
    for (let bytes = bytesOf(into); seq < to && bytes < bytes_max; ) {
      const block = await neighbours(seq, to)
      into.push(...block)
      bytes += bytesOf(block)
      seq += block.length
      if (seq === to || block.length > 0) continue
      const found = await nextOfLeader(seq, to)
      if (found.seq >= to) return to
      into.push(found)
      seq = found.seq + 1
      bytes += found.body.length
    }
    return seq
  }

  /** Adds a delivery and what is missing before it to a run. Returns whether the run had no room for all of it. */
  const append = async (run: Recorded[], at: number, delivery: Delivery): Promise<boolean> => {
    const reached = await fill(at, delivery.seq, run)
    const is_full = reached < delivery.seq
    if (!is_full) run.push(delivery)
    expected = is_full ? reached : delivery.seq + 1
    return is_full
  }

  const position = async (first: number): Promise<number> => {
    // a gap may only mean that another instance went on in the meantime: the acknowledgement floor tells
    if (expected === undefined || first > expected) {
      expected = Math.max(expected ?? 0, await firstUnacked())
    }
    return expected
  }

  const isNews = ({ seq }: Delivery): boolean => seq !== taken || expected !== taken + 1

  /** Adds a delivery that is not simply the next one to a run. Returns whether the run had no room for all of it. */
  const appendOutOfTurn = async (run: Recorded[], delivery: Delivery): Promise<boolean> => {
    // an old message that is no redelivery: the consumer was reset, and past events are to be folded again
    if (expected !== undefined && delivery.seq < expected && !delivery.redelivered && run.length === 0) {
      expected = undefined
    }
    const at = await position(delivery.seq)
    if (run.length === 0) began = at
    return delivery.seq >= at && (await append(run, at, delivery))
  }

  return {
    /** Returns the records to fold next, without a gap, for deliveries in any order. Throws `LeaderBehind`. */
    arrange: async (deliveries: readonly Delivery[]): Promise<Recorded[]> => {
      const sorted = deliveries.filter(isNews).sort((a, b) => a.seq - b.seq)
      const run: Recorded[] = []
      for (const delivery of sorted) {
        // nearly every delivery is the next one, which needs nothing to be read
        if (run.length > 0 && delivery.seq === expected) {
          run.push(delivery)
          expected += 1
        } else if (await appendOutOfTurn(run, delivery)) break
      }
      return run
    },
    /**
     * Returns the message right after the last one that `arrange` gave, when it is already stored. It is for an event
     * that belongs together with the last one, and it counts as given.
     */
    takeNext: async (): Promise<Recorded | undefined> => {
      if (expected === undefined) return undefined
      const found = await next(expected)
      if (found?.seq !== expected) return undefined
      taken = expected
      expected += 1
      return found
    },
    /** Makes the next `arrange` give the last records again, because they could not be handled. */
    forget: (): void => {
      expected = undefined
    },
    /**
     * The sequence at which the last `arrange` began: every message before it was handled, by this or another
     * instance.
     */
    began: (): number => began ?? 0,
    /** The sequence after the last given message; 0 before the first one, and after `forget`. */
    position: (): number => expected ?? 0,
  }
}
