/**
 * Puts deliveries back into the stream's own order, without a gap and without a repetition.
 *
 * A consumer delivers redelivered messages out of order, and after a take-over it sends new messages long before the
 * old ones' acknowledgement wait is over. Folding a later event first would make the earlier one look as if it were
 * applied already, and lose it. So what is missing is read from the stream's leader instead of waited for.
 */

import type { Recorded } from '../stream/recorded.js'

export type Sources = {
  /** The first stream sequence that is not acknowledged yet. */
  readonly firstUnacked: () => Promise<number>
  /** The first message at or after `seq`; undefined when it is proved that there is none. */
  readonly next: (seq: number) => Promise<Recorded | undefined>
  /** Messages from `from` on and before `to`, many at once, as any replica has them; may be none. */
  readonly ahead: (from: number, to: number) => Promise<readonly Recorded[]>
}

/** A message as the consumer delivered it. */
export type Delivery = Recorded & { readonly redelivered: boolean }

/** Between two tries to read what must exist. */
export class LeaderBehind extends Error {
  override readonly name = 'LeaderBehind'
}

/** Remembers where the run stands; a new one belongs to every (re)start of consuming. */
export const createSequencer = ({ firstUnacked, next, ahead }: Sources) => {
  let expected: number | undefined
  let began: number | undefined
  /** The last message that was taken before its delivery, which is still to come and means nothing. */
  let taken: number | undefined

  /** What a replica has from `seq` on, as far as it is without a hole. */
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

  /** Much may be missing after a take-over: it is read together, and only the leader can tell what is a hole. */
  const fill = async (from: number, to: number, into: Recorded[]): Promise<void> => {
    for (let seq = from; seq < to; ) {
      const together = await neighbours(seq, to)
      into.push(...together)
      seq += together.length
      if (seq === to) return
      if (together.length > 0) continue
      const found = await nextOfLeader(seq, to)
      if (found.seq < to) into.push(found)
      seq = found.seq + 1
    }
  }

  const position = async (first: number): Promise<number> => {
    // a gap may only mean that another instance went on meanwhile: the floor tells
    if (expected === undefined || first > expected) {
      expected = Math.max(expected ?? 0, await firstUnacked())
    }
    return expected
  }

  const isNews = ({ seq }: Delivery): boolean => seq !== taken || expected !== taken + 1

  return {
    /** The records to fold next, given what was delivered (in any order). */
    arrange: async (deliveries: readonly Delivery[]): Promise<Recorded[]> => {
      const sorted = deliveries.filter(isNews).sort((a, b) => a.seq - b.seq)
      const run: Recorded[] = []
      for (const delivery of sorted) {
        // an old message for the first time: somebody reset the consumer, and the past is wanted again
        if (expected !== undefined && delivery.seq < expected && !delivery.redelivered && run.length === 0) {
          expected = undefined
        }
        const at = await position(delivery.seq)
        if (run.length === 0) began = at
        if (delivery.seq < at) continue
        await fill(at, delivery.seq, run)
        run.push(delivery)
        expected = delivery.seq + 1
      }
      return run
    },
    /**
     * The message right after what `arrange` gave, when it is stored already: for one that belongs together with
     * the last. It counts as given.
     */
    takeNext: async (): Promise<Recorded | undefined> => {
      if (expected === undefined) return undefined
      const found = await next(expected)
      if (found?.seq !== expected) return undefined
      taken = expected
      expected += 1
      return found
    },
    /** What `arrange` gave could not be handled: the next call gives it again. */
    forget: (): void => {
      expected = undefined
    },
    /** The sequence that the last `arrange` began at: everything before it was handled, by whomever. */
    began: (): number => began ?? 0,
    /** Everything before this sequence is handled. */
    position: (): number => expected ?? 0,
  }
}
