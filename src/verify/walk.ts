/**
 * Walks through the stream: forwards, in pages, with each event folded exactly once.
 */

import type { NatsConnection } from 'nats'
import { documentsWith } from '../json.js'
import { readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { Run } from './deps.js'
import { customerOf, readEvent } from './event.js'
import { createFold, DecisionMet, type Folded, type Skips, type Standing, skipKey } from './fold.js'
import { CannotVerify } from './problem.js'

export type Step = Folded<Recorded>

const PAGE_EVENTS = 1_000

type OnPage = (page: readonly Step[]) => Promise<void>

export type Walk = {
  /** Every customer's state at the walk's place. */
  readonly customers: ReadonlyMap<string, Standing>
  /** The last sequence that was folded. */
  readonly place: () => number
  /** Folds up to `seq`, which the stream has to hold, and gives each page to `onPage`. Throws `CannotVerify`. */
  readonly to: (seq: number, onPage?: OnPage) => Promise<void>
}

/**
 * Reads the events of a range in pages. Throws `CannotVerify` at a hole, because the missing event cannot be folded.
 */
async function* pagesOf(nc: NatsConnection, from_seq: number, to_seq: number): AsyncGenerator<Recorded[]> {
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq, to_seq }
  let page: Recorded[] = []
  let next = from_seq
  for await (const record of readRange(nc, range)) {
    if (record.seq !== next) throw new CannotVerify(`the stream has no event ${next}, but has ${record.seq}`)
    next += 1
    page.push(record)
    if (page.length < PAGE_EVENTS) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
  if (next <= to_seq) throw new CannotVerify(`the stream has no event ${next}, but should have ${to_seq}`)
}

/** Reads every decision up to `to_seq`. A decision counts only on its customer's subject, and after its event. */
export const readSkips = async ({ nc }: Pick<Run, 'nc'>, to_seq: number): Promise<Skips> => {
  const skips = new Set<string>()
  const mayBeDecision = documentsWith('skip')
  for await (const page of pagesOf(nc, 1, to_seq)) {
    for (const { seq, subject, body } of page) {
      const id = customerOf(subject)
      // only a body that may be a decision is decoded; nearly none is
      if (id === undefined || !mayBeDecision(body)) continue
      const reading = readEvent(body, id)
      if (reading.tag === 'skip' && reading.seq < seq) skips.add(skipKey(id, reading.seq))
    }
  }
  return skips
}

/** Creates a walk that begins before the first event. It calls `see` with every event. */
export const createWalk = (
  { nc, onProgress, signal }: Run,
  see: (step: Step) => void,
  skips: Skips,
): Walk => {
  const fold = createFold(skips)
  let place = 0

  const takePage = async (page: readonly Recorded[], onPage?: OnPage): Promise<void> => {
    const steps = page.map(record => {
      const step = fold.take(record)
      see(step)
      return step
    })
    place += page.length
    await onPage?.(steps)
  }

  const walkTo = async (seq: number, onPage?: OnPage): Promise<void> => {
    for await (const page of pagesOf(nc, place + 1, seq)) {
      await takePage(page, onPage)
      onProgress('folding', place, seq)
      if (signal.aborted) throw new CannotVerify('stopped')
    }
  }

  return {
    customers: fold.customers,
    place: () => place,
    to: async (seq, onPage) => {
      try {
        if (seq > place) await walkTo(seq, onPage)
      } catch (cause) {
        if (cause instanceof CannotVerify || cause instanceof DecisionMet) throw cause
        throw new CannotVerify(`read the stream: ${cause instanceof Error ? cause.message : cause}`, {
          cause,
        })
      }
    },
  }
}
