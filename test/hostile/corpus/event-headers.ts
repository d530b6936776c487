/** Lists headers and subjects of events that a server stores although a client library refuses to send them. */

import { applied, bytes, type EventInput, type EventOutcome, letter, REFUSED } from '../inputs.js'
import { headerBlock } from '../raw-nats.js'

type Row = readonly [name: string, header: string | Uint8Array, gives?: EventOutcome]

const ONE = applied(1)
const EITHER: EventOutcome = { tag: 'applied or refused' }

/** Names and values that a client library refuses to send. */
const ODD: readonly Row[] = [
  ['a name with a blank', headerBlock('bad name: x')],
  ['a name that is empty', headerBlock(': x')],
  ['a line without a colon', headerBlock('nothing here')],
  ['a name with a tab', headerBlock('a\tb: x')],
  ['a name of control characters', headerBlock('\u0001\u0002: x')],
  ['a name that is not ASCII', headerBlock('na\u00efve: x')],
  ['a lone CR in a value', headerBlock('A: x\ry')],
  ['a lone LF in a value', headerBlock('A: x\ny')],
  ['a LF that looks like another header', headerBlock('A: x\nNats-Msg-Id: forged')],
  ['a NUL in a value', headerBlock('A: x\u0000y')],
  ['bytes that UTF-8 has not', bytes('NATS/1.0\r\nA: \xff\xfe\r\n\r\n')],
  ['terminal escapes', headerBlock('A: \u001b]0;owned\u0007')],
  ['a blank line, then more', bytes('NATS/1.0\r\n\r\nA: x\r\n\r\n'), EITHER],
  ['no line end', bytes('NATS/1.0\r\nA: x'), EITHER],
  ['a folded line', headerBlock('A: x', ' y')],
  ['no first line', bytes('A: x\r\n\r\n'), EITHER],
  ['another version', bytes('NATS/9.9\r\nA: x\r\n\r\n'), EITHER],
  ['the first line only', bytes('NATS/1.0\r\n\r\n'), EITHER],
  ['2,000 headers', headerBlock(...Array.from({ length: 2_000 }, (_, i) => `H${i}: ${i}`))],
  ['2,000 times the same header', headerBlock(...Array.from({ length: 2_000 }, () => 'A: x'))],
  ['a header of 60 KB', headerBlock(`A: ${'x'.repeat(60_000)}`)],
  ['a name of 60 KB', headerBlock(`${'A'.repeat(60_000)}: x`)],
  ['the name __proto__', headerBlock('__proto__: x', 'constructor: y')],
]

/** Names that have a meaning for NATS, its client or the ledger in other messages. */
const MEANT: readonly Row[] = [
  ['a status of its own', headerBlock('Status: 503')],
  ['an inline status 503', bytes('NATS/1.0 503\r\n\r\n'), EITHER],
  ['an inline status 404', bytes('NATS/1.0 404 No Messages\r\n\r\n'), EITHER],
  ['an inline status 409', bytes('NATS/1.0 409 Consumer Deleted\r\n\r\n'), EITHER],
  ['an inline heartbeat', bytes('NATS/1.0 100 Idle Heartbeat\r\n\r\n'), EITHER],
  ['a sequence of its own', headerBlock('Nats-Sequence: 1', 'Nats-Last-Sequence: 1')],
  ['a sequence that is no number', headerBlock('Nats-Sequence: x')],
  ['another subject', headerBlock('Nats-Subject: customer.balance.678', 'Nats-Stream: x')],
  ['a time of its own', headerBlock('Nats-Time-Stamp: 1970-01-01T00:00:00Z')],
  ['nothing pending', headerBlock('Nats-Num-Pending: 0', 'Nats-UpTo-Sequence: 1')],
  ['a pin', headerBlock('Nats-Pin-Id: zzz')],
  ['an operation of the key-value store', headerBlock('KV-Operation: DEL')],
  ['a service error', headerBlock('Nats-Service-Error-Code: 500', 'Nats-Service-Error: X')],
  ['a batch of the ledger', headerBlock('Ledger-Batch: forged', 'Ledger-Seq: 1')],
  ['an id that is no transaction id', headerBlock('Nats-Msg-Id: a b')],
  ['an id of 10,000 characters', headerBlock(`Nats-Msg-Id: ${'i'.repeat(10_000)}`)],
  ['two ids', headerBlock('Nats-Msg-Id: first-of-two', 'Nats-Msg-Id: second-of-two')],
  ['the last message id', headerBlock('Nats-Expected-Last-Msg-Id: nope'), REFUSED],
  ['the last sequence', headerBlock('Nats-Expected-Last-Sequence: 1'), REFUSED],
  ['the last sequence of the subject', headerBlock('Nats-Expected-Last-Subject-Sequence: 1'), REFUSED],
  ['another stream', headerBlock('Nats-Expected-Stream: other'), REFUSED],
  ['a roll-up', headerBlock('Nats-Rollup: all'), REFUSED],
  ['a roll-up of the subject', headerBlock('Nats-Rollup: sub'), REFUSED],
  ['a time to live', headerBlock('Nats-TTL: 1s'), REFUSED],
  ['a schedule', headerBlock('Nats-Schedule: @every 1s', 'Nats-Schedule-Target: customer.balance.x'), EITHER],
  ['a counter', headerBlock('Nats-Incr: +1'), EITHER],
  ['a marker', headerBlock('Nats-Marker-Reason: MaxAge'), EITHER],
]

const SUBJECTS: readonly (readonly [name: string, token: string, gives: EventOutcome])[] = [
  ['two tokens', 'a.b', letter()],
  ['ten tokens', 'a.b.c.d.e.f.g.h.i.j', letter()],
  ['a dash first', '-a', letter()],
  ['65 characters', 'x'.repeat(65), letter()],
  ['3,000 characters', 'y'.repeat(3_000), letter()],
  ['64 characters', 'z'.repeat(64), ONE],
  ['not ASCII', 'zo\u00eb', letter()],
  ['terminal escapes', 'a\u001b]0;owned\u0007', letter()],
  ['the name __proto__', '__proto__', letter()],
  ['the name constructor', 'constructor', ONE],
  ['the name toString', 'toString', ONE],
  ['the name hasOwnProperty', 'hasOwnProperty', ONE],
  ['the key of a sum', '=all:0', letter()],
  ['the key of the sum of a day', '=day:2026-11-26:0', letter()],
  ['the key of a row', '#tour-1', letter()],
  ['the key of a row by its sequence', '@1', letter()],
  ['the key of a sum without its first character', 'all:0', ONE],
  ['a sign of a row inside', '6@1', ONE],
  ['every character', 'A_:@-9', ONE],
  ['a percent sign', '%2e', letter()],
  ['a quote and a brace', 'a"}', letter()],
]

export const EVENT_HEADERS: readonly EventInput[] = [
  ...[...ODD, ...MEANT].map(
    ([name, header, gives = ONE]): EventInput => ({
      name: `header: ${name}`,
      header,
      gives,
    }),
  ),
  ...ODD.slice(0, 4).map(
    ([name, header]): EventInput => ({
      name: `header of a bad event: ${name}`,
      header,
      body: '{"type":"credit","amount":-1}',
      gives: letter(),
    }),
  ),
  ...SUBJECTS.map(([name, token, gives]): EventInput => ({ name: `subject: ${name}`, token, gives })),
]
