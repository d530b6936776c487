/** Lists headers that break the rules of ADR-4 but that nats-server stores, by their oddity. */

import { headerBlock } from './raw-publisher.js'

export const ODD_HEADERS: Readonly<Record<string, string | Uint8Array>> = {
  'a blank in the name': headerBlock('bad name: x'),
  'a lone CR and a lone LF': headerBlock('a\rb: c', 'd: e\nf'),
  'no colon': headerBlock('no colon'),
  'no name': headerBlock(': x'),
  'bytes that are not UTF-8': Buffer.from('NATS/1.0\r\n\xff\xfe: \x80\r\n\r\n', 'latin1'),
  'letters outside ASCII': headerBlock('Größe: ü'),
  'terminal escapes': headerBlock('X-\u001b[2J: \u001b]0;pwned\u0007'),
  'a status in the first line': 'NATS/1.0 404 No Messages\r\n\r\n',
  'a status behind another word': '404 No Messages\r\nA: b\r\n\r\n',
  'no first line': 'junk\r\n\r\n',
  'no line end': 'NATS/1.0\r\nA: b',
  'nothing but a first line': headerBlock(),
  'what the server says': headerBlock(
    'Nats-Pin-Id: forged',
    'Nats-Sequence: 1',
    'Nats-Subject: customer.balance.forged',
    'Nats-Num-Pending: 0',
    'Nats-Time-Stamp: never',
    'Nats-Stream: other',
    'Nats-Last-Consumer: 9',
    'Nats-Pending-Messages: 5',
    'Status: 503',
  ),
  'the same name many times': headerBlock(...Array.from({ length: 3_000 }, () => 'A: b')),
  'thousands of names': headerBlock(...Array.from({ length: 3_000 }, (_, i) => `name ${i}: x`)),
  'as large as the server stores them': headerBlock(`A: ${'x'.repeat(60_000)}`),
  'names of objects': headerBlock('__proto__: x', 'constructor: y', 'toString: z'),
}
