/**
 * Judges the copies of the stream that the replicas hold, and the logs of the servers. Pure: copy.ts and servers.ts
 * do the I/O.
 */

import { type Event, readBody, titleOf } from './event.js'

/** One stored message, as a replica gave it. */
export type Stored = { readonly seq: number; readonly body: string; readonly at: string }
export type Copy = { readonly server: string; readonly messages: readonly Stored[] }
/** The title of the acknowledged event at each sequence. */
export type Acknowledged = ReadonlyMap<number, string>

const NAMED_MAX = 3

/** One sentence for one kind of problem, with the first sequences at which it is found; empty when there are none. */
const sentence = (server: string, what: string, seqs: readonly number[]): string[] => {
  if (seqs.length === 0) return []
  const named = seqs.slice(0, NAMED_MAX).join(', ')
  const more = seqs.length > NAMED_MAX ? `, ... (${seqs.length} in all)` : ''
  return [`${server}: ${what}: sequence ${named}${more}`]
}

const follows = (event: Event, before: Event | undefined): boolean =>
  before !== undefined &&
  before.writer === event.writer &&
  before.write === event.write &&
  before.size === event.size &&
  before.index === event.index - 1

/** The sequences at which a batch ends too early, or begins in its middle. */
const halfBatches = (messages: readonly Stored[], events: readonly (Event | undefined)[]): number[] =>
  messages.flatMap(({ seq }, i) => {
    const event = events[i]
    if (event === undefined) return []
    const next = events[i + 1]
    const has_beginning = event.index === 1 || follows(event, events[i - 1])
    const has_end = event.index === event.size || (next !== undefined && follows(next, event))
    return has_beginning && has_end ? [] : [seq]
  })

const gaps = (messages: readonly Stored[]): number[] =>
  messages.flatMap(({ seq }, i) => (seq === (messages[i - 1]?.seq ?? 0) + 1 ? [] : [seq]))

/** Sentences about everything that is wrong in one copy, alone and in comparison with the acknowledged events. */
export const judgeCopy = ({ server, messages }: Copy, acknowledged: Acknowledged): string[] => {
  const events = messages.map(({ body }) => readBody(body))
  const stored = new Map(messages.map(({ seq }, i) => [seq, events[i]]))
  const lost = [...acknowledged].filter(([seq]) => !stored.has(seq))
  const others = [...acknowledged].filter(([seq, title]) => {
    const event = stored.get(seq)
    return event !== undefined && titleOf(event) !== title
  })
  const broken = messages.filter((_, i) => events[i] === undefined)
  return [
    ...sentence(
      server,
      'acknowledged events are gone',
      lost.map(([seq]) => seq),
    ),
    ...sentence(
      server,
      'another event is in the place of an acknowledged one',
      others.map(([seq]) => seq),
    ),
    ...sentence(
      server,
      'bytes are not those that were written',
      broken.map(({ seq }) => seq),
    ),
    ...sentence(server, 'a batch is there by half', halfBatches(messages, events)),
    ...sentence(server, 'there is a hole before', gaps(messages)),
  ]
}

/** Sentences about the differences between the first copy and each of the others. */
export const compareCopies = (copies: readonly Copy[]): string[] => {
  const [first, ...others] = copies
  if (first === undefined) return []
  return others.flatMap(({ server, messages }) => {
    const length = Math.max(first.messages.length, messages.length)
    const differing = Array.from({ length }, (_, i) => i).filter(i => {
      const [a, b] = [first.messages[i], messages[i]]
      return a?.seq !== b?.seq || a?.body !== b?.body || a?.at !== b?.at
    })
    const seqs = differing.map(i => messages[i]?.seq ?? first.messages[i]?.seq ?? 0)
    return sentence(server, `the copy is not that of ${first.server}`, seqs)
  })
}

/** Matches the lines that a server logs when it finds a damaged store. */
const COMPLAINTS =
  /s2: |corrupt|Error recreating stream|internal inconsistency|resetting first sequence|panic:|\[FTL\]/i
const PREFIX = /^\[\d+\] \S+ \S+ /

/** The lines of a server's log that report a damaged store, each once, without process id and time. */
export const complaintsIn = (server: string, log: string): string[] => {
  const lines = log.split('\n').filter(line => COMPLAINTS.test(line))
  return [...new Set(lines.map(line => `${server} says: ${line.replace(PREFIX, '').trim()}`))]
}
