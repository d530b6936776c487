/**
 * The events that a check writes. Each tells which write it belongs to, and its bytes follow from that: so a stored
 * event can be judged by itself, whether its write was acknowledged or not.
 *
 *     3 17 2/40 {"type":"credit","reference":"5f1c..."}      the second event of 40, of write 17 of writer 3
 */

import { createHash } from 'node:crypto'

export type Event = {
  readonly writer: number
  /** of this writer, from 1 */
  readonly write: number
  /** from 1; a write of several events is one atomic batch */
  readonly index: number
  readonly size: number
}

/** Bodies differ in length, and repeat themselves about as much as a ledger's events do. */
const REPEATS_MAX = 6

const textOf = (title: string): string => {
  const hash = createHash('sha256').update(title).digest('hex')
  const repeats = 1 + (Number.parseInt(hash.slice(0, 2), 16) % REPEATS_MAX)
  return `{"type":"credit",${`"reference":"${hash}",`.repeat(repeats)}"amount":${hash.length}}`
}

/** What tells one event from all others. */
export const titleOf = ({ writer, write, index, size }: Event): string =>
  `${writer} ${write} ${index}/${size}`

export const bodyOf = (event: Event): string => {
  const title = titleOf(event)
  return `${title} ${textOf(title)}`
}

/** The event whose body this is; undefined when a byte of it is not what was written. */
export const readBody = (body: string): Event | undefined => {
  const [, writer, write, index, size] = /^(\d{1,3}) (\d{1,9}) (\d{1,4})\/(\d{1,4}) /.exec(body) ?? []
  if (size === undefined) return undefined
  const event = { writer: Number(writer), write: Number(write), index: Number(index), size: Number(size) }
  return bodyOf(event) === body ? event : undefined
}

/** The events of one write, in order. */
export const eventsOf = (writer: number, write: number, size: number): Event[] =>
  Array.from({ length: size }, (_, i) => ({ writer, write, index: i + 1, size }))
