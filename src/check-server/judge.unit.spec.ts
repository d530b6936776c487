import { expect, it } from 'vitest'
import { bodyOf, type Event, eventsOf, readBody, titleOf } from './event.js'
import { compareCopies, complaintsIn, judgeCopy, type Stored } from './judge.js'

/** A stream of events, in order from sequence 1. */
const storedOf = (events: readonly Event[]): Stored[] =>
  events.map((event, i) => ({ seq: i + 1, body: bodyOf(event), at: `${i}` }))

const EVENTS = [...eventsOf(0, 1, 1), ...eventsOf(1, 1, 3), ...eventsOf(0, 2, 1), ...eventsOf(1, 2, 2)]
const MESSAGES = storedOf(EVENTS)
const ACKNOWLEDGED = new Map(EVENTS.map((event, i) => [i + 1, titleOf(event)]))

const judge = (messages: readonly Stored[], acknowledged = ACKNOWLEDGED): string[] =>
  judgeCopy({ server: 'nats-1', messages }, acknowledged)

it('an event is known by its body, to the last byte', () => {
  for (const event of EVENTS) expect(readBody(bodyOf(event))).toEqual(event)
  const body = bodyOf({ writer: 3, write: 17, index: 2, size: 40 })
  expect(body).toMatch(/^3 17 2\/40 \{.*\}$/)
  for (const changed of [body.slice(0, -1), `${body} `, body.replace('credit', 'debit'), '', 'x'])
    expect(readBody(changed)).toBeUndefined()
})

it('a copy with everything in its place is good, also with events that nobody heard of', () => {
  expect(judge(MESSAGES)).toEqual([])
  expect(judge([...MESSAGES, ...storedOf(eventsOf(2, 1, 1)).map(stored => ({ ...stored, seq: 8 }))])).toEqual(
    [],
  )
  expect(judge([], new Map())).toEqual([])
})

it('acknowledged events that are gone are counted, and the first ones named', () => {
  expect(judge(MESSAGES.slice(0, 1))).toEqual([
    'nats-1: acknowledged events are gone: sequence 2, 3, 4, ... (6 in all)',
  ])
  expect(judge([])).toEqual(['nats-1: acknowledged events are gone: sequence 1, 2, 3, ... (7 in all)'])
})

it('another event in the place of an acknowledged one', () => {
  const exchanged = storedOf(EVENTS.with(0, { writer: 9, write: 1, index: 1, size: 1 }))
  expect(judge(exchanged)).toEqual([
    'nats-1: another event is in the place of an acknowledged one: sequence 1',
  ])
})

it('a byte that changed', () => {
  const changed = MESSAGES.map(stored => (stored.seq === 5 ? { ...stored, body: `${stored.body}x` } : stored))
  expect(judge(changed)).toEqual(['nats-1: bytes are not those that were written: sequence 5'])
})

it('half a batch, acknowledged or not: its beginning, its middle or its end is missing', () => {
  const none = new Map<number, string>()
  const half = (events: readonly Event[]): string[] => judge(storedOf(events), none)
  const [first, second, third] = eventsOf(1, 1, 3)
  if (first === undefined || second === undefined || third === undefined) throw new Error('a batch of three')
  const single = eventsOf(0, 1, 1)
  expect(half([first, second, ...single])).toEqual(['nats-1: a batch is there by half: sequence 2'])
  expect(half([...single, first, second])).toEqual(['nats-1: a batch is there by half: sequence 3'])
  expect(half([second, third])).toEqual(['nats-1: a batch is there by half: sequence 1'])
  expect(half([first, third])).toEqual(['nats-1: a batch is there by half: sequence 1, 2'])
  expect(half([first, ...single, second, third])).toEqual(['nats-1: a batch is there by half: sequence 1, 3'])
})

it('a hole in the sequences', () => {
  const messages = MESSAGES.filter(({ seq }) => seq !== 5)
  const acknowledged = new Map([...ACKNOWLEDGED].filter(([seq]) => seq !== 5))
  expect(judge(messages, acknowledged)).toEqual(['nats-1: there is a hole before: sequence 6'])
})

it('copies that differ in a byte, in a time or in length', () => {
  const first = { server: 'nats-1', messages: MESSAGES }
  const like = (messages: readonly Stored[]) => ({ server: 'nats-2', messages })
  expect(compareCopies([first, like(MESSAGES), like(MESSAGES)])).toEqual([])
  expect(compareCopies([])).toEqual([])
  const later = MESSAGES.map(stored => (stored.seq === 2 ? { ...stored, at: 'another' } : stored))
  const differs = 'nats-2: the copy is not that of nats-1: sequence'
  expect(compareCopies([first, like(later)])).toEqual([`${differs} 2`])
  expect(compareCopies([first, like(MESSAGES.slice(0, -1))])).toEqual([`${differs} 7`])
  expect(compareCopies([like(MESSAGES.slice(0, 2)), first])).toHaveLength(1)
})

it('the lines of a log that tell of a damaged store, each once', () => {
  const log = [
    '[17] 2026/11/26 18:39:08.042600 [INF] Starting nats-server',
    '[17] 2026/11/26 18:39:08.042600 [WRN]   Error recreating stream "CHECK": s2: corrupt input',
    '[18] 2026/11/26 18:39:09.000000 [WRN]   Error recreating stream "CHECK": s2: corrupt input',
    '[18] 2026/11/26 18:39:09.000000 [WRN] Waiting for routing to be established...',
    'panic: runtime error: index out of range',
  ].join('\n')
  expect(complaintsIn('nats-1', log)).toEqual([
    'nats-1 says: [WRN]   Error recreating stream "CHECK": s2: corrupt input',
    'nats-1 says: panic: runtime error: index out of range',
  ])
})
