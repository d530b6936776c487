/**
 * Lists events published through the service, at `customer.event.<client_id>`, by publishers without the right to write to
 * the stream. No event gets through that can stop the stream or a projection.
 */

import { bytes, done, invalid, NOBODY, nested, type RequestInput } from '../inputs.js'
import { headerBlock } from '../raw-nats.js'

const LEAST = '{"type":"credit","amount":1}'
const STORED = done('"stream":"customer-balances"')

const to = (
  name: string,
  token: string,
  gives: RequestInput['gives'],
  rest: Pick<RequestInput, 'body' | 'header'> = {},
): RequestInput => ({
  name: `published: ${name}`,
  subject: `customer.event.${token}`,
  body: LEAST,
  gives,
  ...rest,
})

const TOKENS: readonly RequestInput[] = [
  to('as it should be', 'hp', STORED),
  to('two tokens', 'a.b', NOBODY),
  to('no token', '', NOBODY),
  to('a dash first', '-a', invalid()),
  to('65 characters', 'x'.repeat(65), invalid()),
  to('not ASCII', 'zo\u00eb', invalid()),
  to('terminal escapes', 'a\u001b]0;owned\u0007', invalid()),
  to('the name __proto__', '__proto__', invalid()),
]

const HEADERS: readonly RequestInput[] = [
  ['Nats-Expected-Last-Msg-Id: nope', 'Nats-Expected-Last-Msg-Id'],
  ['nats-expected-last-msg-id: nope', 'nats-expected-last-msg-id'],
  ['Nats-Expected-Last-Sequence: 1', 'Nats-Expected-Last-Sequence'],
  ['Nats-Expected-Last-Subject-Sequence: 1', 'Nats-Expected-Last-Subject-Sequence'],
  ['Nats-Expected-Stream: other', 'Nats-Expected-Stream'],
  ['Nats-Batch-Id: b1', 'Nats-Batch-Id'],
  ['Nats-Batch-Sequence: 1', 'Nats-Batch-Sequence'],
  ['Nats-Batch-Commit: 1', 'Nats-Batch-Commit'],
  ['Nats-Rollup: all', 'Nats-Rollup'],
  ['Nats-TTL: 1s', 'Nats-TTL'],
  ['Nats-Schedule: @every 1s', 'Nats-Schedule'],
  ['Nats-Trace-Dest: $KV.config.seed', 'Nats-Trace-Dest'],
  ['Nats-Msg-Id: a b', 'transaction_id'],
  [`Nats-Msg-Id: ${'i'.repeat(129)}`, 'transaction_id'],
  ['Nats-Msg-Id: x:credit', 'transaction_id'],
].map(([line = '', holds = '']) =>
  to(`the header ${line.slice(0, 60)}`, 'hp', invalid(holds), { header: headerBlock(line) }),
)

const HARMLESS: readonly RequestInput[] = [
  ['bad name: x'],
  ['nothing here'],
  ['A: x\ry'],
  ['Ledger-Batch: forged'],
  ['Nats-Expected-Stream: customer-balances'],
  ['Nats-Msg-Id: published-once'],
].map(lines => to(`the header ${lines}`, 'hp', STORED, { header: headerBlock(...lines) }))

const REFUSED: readonly (readonly [name: string, body: string | Uint8Array, holds?: string])[] = [
  ['nothing', ''],
  ['half an object', '{"type":"credit"'],
  ['a byte that UTF-8 has not', bytes('{"type":"credit","amount":1,"reference":"\xff"}')],
  ['schema 99', '{"schema":99}', 'schema'],
  ['schema 2', '{"schema":2,"type":"credit","amount":1}', 'schema'],
  ['a decision to skip', '{"schema":2,"type":"skip","seq":1,"reason":"x","by":"y"}', 'schema'],
  ['a schema in __proto__', '{"type":"credit","amount":1,"__proto__":{"schema":99}}', '__proto__'],
  ['constructor', '{"type":"credit","amount":1,"constructor":{"prototype":1}}', 'constructor'],
  ['a refusal', '{"type":"declined","amount":1}', 'type'],
  ['half a transfer', '{"type":"credit","amount":1,"transfer":{"counterparty":"678"}}', 'transfer'],
  ['a claim', '{"type":"credit","amount":1,"after":{"balance":1,"version":1}}', 'after'],
  ['two amounts', '{"type":"credit","amount":1,"amount":2}', 'amount'],
  ['a long fraction just below 1', '{"type":"credit","amount":0.99999999999999999999}', 'amount'],
  ['a half that a double cannot hold', '{"type":"credit","amount":4503599627370497.5}', 'amount'],
  ['an amount of zero', '{"type":"credit","amount":0}', 'amount'],
  ['an unknown field', '{"type":"credit","amount":1,"colour":1}', 'colour'],
  ['half a surrogate pair', '{"type":"credit","amount":1,"reference":"\\ud800"}', 'reference'],
  ['metadata 30,000 levels deep', `{"type":"credit","amount":1,"metadata":{"a":${nested(30_000)}}}`],
  ['64 KB of 1E20', `{"type":"credit","amount":1,"metadata":{"a":[${Array(13_000).fill('1E20')}]}}`],
  ['900 KB', `{"type":"credit","amount":1,"reference":"${'r'.repeat(900_000)}"}`],
]

export const PUBLISHED: readonly RequestInput[] = [
  ...TOKENS,
  ...HEADERS,
  ...HARMLESS,
  ...REFUSED.map(([name, body, holds = '']) => to(name, 'hp', invalid(holds), { body })),
  to('a debit that the fold will reject', 'hq', STORED, { body: '{"type":"debit","amount":5}' }),
]
