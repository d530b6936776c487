/**
 * Makes and reads the events that a check writes. Each event names the write it belongs to, and all its bytes follow
 * from that name. So a stored event can be judged alone, whether its write was acknowledged or not.
 *
 *     3 17 2/40 {"type":"credit","reference":"5f1c..."}      the second event of 40, of write 17 of writer 3
 */

import { createHash } from 'node:crypto'

export type Event = {
  readonly writer: number
  /** The number of the write, counted per writer from 1. */
  readonly write: number
  /** The position of the event in its write, from 1; a write of several events is one atomic batch. */
  readonly index: number
  /** The number of events in the write. */
  readonly size: number
}

/**
 * The body repeats a text up to this many times, so that bodies differ in length and compress like a ledger's events.
 */
const REPEATS_MAX = 6

const textOf = (title: string): string => {
  const hash = createHash('sha256').update(title).digest('hex')
  const repeats = 1 + (Number.parseInt(hash.slice(0, 2), 16) % REPEATS_MAX)
  return `{"type":"credit",${`"reference":"${hash}",`.repeat(repeats)}"amount":${hash.length}}`
}

/** The name of an event, which is unique in a check. */
export const titleOf = ({ writer, write, index, size }: Event): string =>
  `${writer} ${write} ${index}/${size}`

export const bodyOf = (event: Event): string => {
  const title = titleOf(event)
  return `${title} ${textOf(title)}`
}

/** The event with this body; undefined when any byte differs from the written body. */
export const readBody = (body: string): Event | undefined => {
  const [, writer, write, index, size] = /^(\d{1,3}) (\d{1,9}) (\d{1,4})\/(\d{1,4}) /.exec(body) ?? []
  if (size === undefined) return undefined
  const event = { writer: Number(writer), write: Number(write), index: Number(index), size: Number(size) }
  return bodyOf(event) === body ? event : undefined
}

/** The events of one write, in order. */
export const eventsOf = (writer: number, write: number, size: number): Event[] =>
  Array.from({ length: size }, (_, i) => ({ writer, write, index: i + 1, size }))
