/**
 * Keeps dead letters while a projection is at work.
 *
 * A letter that cannot be kept, because its stream is full or gone, is counted and reported. It does not hold up the
 * projection, since the event itself is in the ledger.
 */

import { keepDeadLetter } from '../dead-letters/letters.js'
import { E, Failed, run } from '../fp.js'
import { accountOn } from '../ledger/account-id.js'
import { decodeEvent } from '../ledger/event.js'
import { metrics } from '../metrics.js'
import { inParallel } from '../parallel.js'
import type { StreamError } from '../stream/errors.js'
import { streamInfo } from '../stream/provision.js'
import { nextProved } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { DEAD_LETTER_STREAM } from '../stream/settings.js'
import type { Letter, RunFindings } from './fold-run.js'
import type { Target } from './target.js'

const LETTERS_IN_FLIGHT_MAX = 64

/** The part of health that reports letters which could not be kept. */
export const LETTERS_PART = 'dead letters'

const dead_letters = metrics.counter(
  'jetledger_dead_letters_total',
  'Events without effect that this process met, by reason',
)
const not_kept = metrics.counter(
  'jetledger_dead_letters_not_kept_total',
  'Dead letters that could not be kept: their stream is full, gone or refuses them',
)

/** Whether the same letter may be accepted a moment later: NATS is away, or has no leader. */
const isPassing = async ({ nc }: Target, { tag }: StreamError): Promise<boolean> => {
  if (tag !== 'TryAgain') return false
  // no server answers for a stream that is gone either, which looks the same
  const info = await streamInfo(nc, DEAD_LETTER_STREAM)()
  return E.isRight(info) || info.left.tag !== 'NotFound'
}

const keepOne = async (target: Target, { event, verdict }: Letter): Promise<void> => {
  const { log, health, nc } = target
  const { seq, subject } = event
  const { reason, detail } = verdict
  const kept = await keepDeadLetter(nc, event, verdict)()
  if (E.isLeft(kept) && (await isPassing(target, kept.left))) throw new Failed(kept.left)
  dead_letters.inc({ reason })
  log.warn({ seq, subject, reason, detail }, 'an event is a dead letter')
  if (E.isRight(kept)) return
  not_kept.inc({ reason })
  log.error(
    { seq, subject, reason, metric: 'dead_letter_not_kept', err: kept.left },
    'a dead letter is not kept',
  )
  const why = `the letter of event ${seq} is not kept: ${kept.left.message}`
  health.report(LETTERS_PART, 'degraded', `${why} (the event is in the ledger; the log names all)`)
}

/** Keeps letters. Throws `Failed` only for an error that another try may mend. */
export const keepAll = async (target: Target, letters: readonly Letter[]): Promise<void> => {
  await inParallel(LETTERS_IN_FLIGHT_MAX, letters, letter => keepOne(target, letter))
}

/** Whether this program does not know the schema of an event. */
const isOfFuture = ({ decode = decodeEvent }: Target, { subject, body }: Recorded): boolean => {
  const id = accountOn(subject)
  return E.isRight(id) && decode(body, id.right).tag === 'future'
}

/**
 * Returns a letter for a decision that is about no waiting event. A decision is valid only when it names an earlier
 * event of the same customer that has a schema from the future.
 */
const letterIfUnfounded = async (
  target: Target,
  { event, skip }: RunFindings['decisions'][number],
): Promise<Letter[]> => {
  const found = await run(nextProved(target, event.subject, skip.seq))
  const is_founded = found?.seq === skip.seq && skip.seq < event.seq && isOfFuture(target, found)
  const detail = `a decision about event ${skip.seq}, at which its customer does not wait`
  return is_founded ? [] : [{ event, verdict: { reason: 'MALFORMED', detail } }]
}

/** Keeps the letters of a fold. Throws `Failed` as `keepAll` does. */
export const keepLetters = async (
  target: Target,
  { letters, decisions }: Pick<RunFindings, 'letters' | 'decisions'>,
): Promise<void> => {
  const unfounded = await inParallel(LETTERS_IN_FLIGHT_MAX, decisions, decision =>
    letterIfUnfounded(target, decision),
  )
  await keepAll(target, [...letters, ...unfounded.flat()])
}
