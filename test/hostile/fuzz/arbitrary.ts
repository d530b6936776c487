/** Generates the fuzzer's inputs: requests and events over NATS, and requests over HTTP, with the expected verdict on each. */

import fc from 'fast-check'
import { type Document, type FuzzRequest, requestsOf } from '../../support/openapi-arbitrary.js'
import { headerBlock } from '../raw-nats.js'
import { amountText, type JsonText, objectsOf, textOf, type Worth } from './json-text.js'

/** Customers that only commands use. */
const QUIET_IDS = Array.from({ length: 8 }, (_, i) => `f-${i}`)
/** Customers on whose subjects any event is published, so that they may be parked. */
export const LOUD = 'e-'
const LOUD_IDS = Array.from({ length: 8 }, (_, i) => `${LOUD}${i}`)

export type FuzzInput =
  | {
      readonly via: 'request'
      readonly subject: string
      readonly body: string
      readonly header?: string
      readonly worth: Worth
    }
  /** A request with a forbidden reply subject: it gets no answer. */
  | { readonly via: 'deputy'; readonly subject: string; readonly body: string; readonly reply: string }
  | { readonly via: 'event'; readonly token: string; readonly body: string; readonly header?: string }
  | {
      readonly via: 'http'
      readonly method: string
      readonly target: string
      readonly headers: readonly string[]
      readonly body?: string
      /** Set when the OpenAPI document states the possible answers. */
      readonly documented?: FuzzRequest
    }

const id = textOf(fc.constantFrom(...QUIET_IDS, ...LOUD_IDS, 'constructor', 'toString'))
const badId = textOf(
  fc.constantFrom('', '__proto__', 'a.b', '*', '>', '-a', 'x'.repeat(65), 'a\r\nb', '\u20ac'),
  'bad',
)
const customer = fc.oneof({ weight: 15, arbitrary: id }, { weight: 1, arbitrary: badId })
const transaction_id = fc.oneof(
  {
    weight: 8,
    arbitrary: textOf(
      fc.string({ unit: fc.constantFrom('a', 'b', ':', '-', '"', '~'), minLength: 1, maxLength: 6 }),
    ),
  },
  {
    weight: 1,
    arbitrary: textOf(
      fc.constantFrom('__proto__', 'constructor', '@1', '#a', '=all:0', '678', 'i'.repeat(128)),
    ),
  },
  {
    weight: 1,
    arbitrary: textOf(fc.constantFrom('', 'a b', 'a\r\nb', 'x:credit', 'i'.repeat(129), '\u20ac'), 'bad'),
  },
)
/** A query may ask for ids that a command may not use. */
const asked_id = fc.oneof(
  { weight: 3, arbitrary: textOf(fc.constantFrom('a', 'b', ':', 'x:credit', '@1', '__proto__')) },
  { weight: 1, arbitrary: textOf(fc.constantFrom('', 'a b', 'a\r\nb', 'i'.repeat(150), '\u20ac'), 'bad') },
)
const reference = textOf(fc.string({ unit: 'grapheme', maxLength: 12 }))
const metadata: fc.Arbitrary<JsonText> = fc
  .dictionary(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.oneof(fc.nat(), fc.string({ unit: 'grapheme', maxLength: 20 })),
    { maxKeys: 4 },
  )
  .map(data => ({ text: JSON.stringify(data), worth: Object.hasOwn(data, '__proto__') ? 'any' : 'good' }))

const OPTIONAL = ['transaction_id', 'reference', 'metadata']
const content = { amount: amountText, transaction_id, reference, metadata }

const movement = objectsOf({ client_id: customer, ...content }, OPTIONAL)
/** `from` and `to` may be the same customer, which is refused. */
const transfer = objectsOf({ from: customer, to: customer, ...content }, OPTIONAL).map(found => ({
  ...found,
  worth: found.worth === 'good' ? ('any' as const) : found.worth,
}))

const wholeText = (values: readonly string[], worth: Worth) =>
  fc.constantFrom(...values).map(text => ({ text, worth }))
const limit = fc.oneof(
  { weight: 3, arbitrary: wholeText(['1', '5', '1000'], 'good') },
  { weight: 1, arbitrary: wholeText(['0', '-1', '1001', '60000', '1.5', '1e400', '"5"', 'null'], 'bad') },
)
const cursor = textOf(fc.oneof(fc.base64String({ maxLength: 60 }), fc.string({ maxLength: 10 })), 'bad')
const time = fc.oneof(
  textOf(
    fc.constantFrom('2026-11-21T10:00:00Z', '1970-01-01T00:00:00Z', '2026-11-21T10:00:00.123456789+02:00'),
  ),
  textOf(
    fc.constantFrom('2300-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '2026-02-30T00:00:00Z', 'now', ''),
    'bad',
  ),
)
const day = fc.oneof(
  textOf(fc.constantFrom('2026-11-21', '2026-11-26')),
  textOf(fc.constantFrom('2026-02-30', '9999-12-31', '', '2026-11-26T00:00:00Z'), 'bad'),
)
const count = fc.oneof(
  wholeText(['0', '1', '7'], 'good'),
  wholeText(['-1', '1.5', '9007199254740993', '"1"'], 'bad'),
)
const anyWorth = (found: JsonText): JsonText => ({
  ...found,
  worth: found.worth === 'good' ? 'any' : found.worth,
})

const commands = (member: fc.Arbitrary<JsonText>): fc.Arbitrary<JsonText> =>
  fc
    .array(fc.tuple(fc.constantFrom('credit', 'debit', 'transfer', 'constructor'), member), { maxLength: 5 })
    .map(members => ({
      text: `[${members.map(([type, { text }]) => text.replace('{', `{"type":"${type}",`)).join(',')}]`,
      worth: 'any',
    }))

/** How new an answer about an account has to be, or the moment of the past. */
const which = {
  min_version: count,
  as_of: time,
  as_of_seq: count,
  consistency: textOf(fc.constant('strong')),
}

/** The bodies of requests, by endpoint. */
const ENDPOINTS: Readonly<Record<string, fc.Arbitrary<JsonText>>> = {
  credit: movement,
  debit: movement,
  transfer,
  batch: objectsOf({ mode: textOf(fc.constantFrom('each', 'all')), commands: commands(movement) }, []),
  transaction: objectsOf({ transaction_id: asked_id }, []).map(anyWorth),
  balance: objectsOf({ client_id: customer, ...which }, Object.keys(which), true).map(anyWorth),
  account: objectsOf({ client_id: customer, ...which }, Object.keys(which)).map(anyWorth),
  holds: objectsOf({ client_id: customer, limit, cursor }, ['limit', 'cursor']),
  // the id of an event may be longer than that of a command
  explain: objectsOf({ transaction_id: asked_id }, []).map(({ text }) => ({ text, worth: 'any' as const })),
  statement: objectsOf({ client_id: customer, limit, cursor, from: time, to: time }, [
    'limit',
    'cursor',
    'from',
    'to',
  ]),
  list: objectsOf({ limit, cursor }, ['limit', 'cursor']),
  ranking: objectsOf({ limit, cursor }, ['limit', 'cursor']),
  summary: objectsOf({ from: day, to: day }, ['from', 'to']).map(anyWorth),
}

const byte = fc.integer({ min: 1, max: 255 }).map(code => String.fromCharCode(code))
const noise = fc.string({ unit: byte, maxLength: 30 })
const headerName = fc.oneof(
  fc.constantFrom(
    'A',
    'bad name',
    '',
    'Status',
    'Nats-Sequence',
    'Nats-Num-Pending',
    'Nats-Pin-Id',
    'Nats-Msg-Id',
    'Nats-TTL',
  ),
  fc.constantFrom(
    'Nats-Rollup',
    'Nats-Expected-Last-Sequence',
    'KV-Operation',
    'Ledger-Batch',
    'Nats-Subject',
    '__proto__',
  ),
  noise,
)
const headerLine = fc
  .tuple(headerName, fc.oneof(noise, fc.constantFrom('x', '', '1', 'all')))
  .map(parts => parts.join(': '))
const header = fc.oneof(
  { weight: 6, arbitrary: fc.array(headerLine, { maxLength: 4 }).map(lines => headerBlock(...lines)) },
  { weight: 1, arbitrary: noise.map(bytes => `NATS/1.0 ${bytes}\r\n\r\n`) },
)
const withHeader = <A extends object>(input: fc.Arbitrary<A>): fc.Arbitrary<A & { header?: string }> =>
  fc
    .tuple(
      input,
      fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: header }),
    )
    .map(([found, lines]) => ({
      ...found,
      ...(lines === undefined ? {} : { header: lines }),
    }))

const requests: fc.Arbitrary<FuzzInput> = fc.constantFrom(...Object.keys(ENDPOINTS)).chain(name =>
  (ENDPOINTS[name] ?? movement).map(({ text, worth }) => ({
    via: 'request' as const,
    subject: `customer.${name}`,
    body: text,
    worth,
  })),
)

/** The header `Nats-Msg-Id` makes a command refused and other headers do not, so these requests have the worth `any`. */
const requestsWithHeader: fc.Arbitrary<FuzzInput> = fc
  .tuple(requests, header)
  .map(([input, lines]) => ({ ...input, header: lines, worth: 'any' }) as FuzzInput)

const event = objectsOf(
  {
    type: textOf(fc.constantFrom('credit', 'debit', 'declined')),
    schema: wholeText(['1', '1', '1', '2', '99'], 'good'),
    ...content,
    transfer: objectsOf({ counterparty: customer }, []),
    after: objectsOf({ balance: amountText, version: count }, []),
  },
  [...OPTIONAL, 'schema', 'transfer', 'after'],
)
/** A placeholder in decisions, replaced before sending by the sequence of an event at which its customer may wait. */
export const WAITING_SEQ = '1001001001'
/** Decisions about events; some name an event at which a customer waits. */
const decision = objectsOf(
  {
    schema: wholeText(['2'], 'good'),
    type: textOf(fc.constant('skip')),
    seq: wholeText([WAITING_SEQ, WAITING_SEQ, WAITING_SEQ, '1001', '0'], 'good'),
    reason: reference,
    by: textOf(fc.constant('a fuzzer')),
  },
  [],
)
const eventBody = fc.oneof(
  { weight: 2, arbitrary: decision.map(({ text }) => text) },
  { weight: 8, arbitrary: event.map(({ text }) => text) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: noise },
)
const token = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...LOUD_IDS) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(`${LOUD}a.b`, '-a', 'constructor-e', 'x'.repeat(65), 'e\u001b]0;x\u0007'),
  },
)
const events: fc.Arbitrary<FuzzInput> = withHeader(
  fc.tuple(token, eventBody).map(([to, body]) => ({ via: 'event' as const, token: to, body })),
)

/** The same events and headers, published through the service by publishers without the right to write to the stream. */
const published: fc.Arbitrary<FuzzInput> = withHeader(
  fc.tuple(fc.constantFrom(...LOUD_IDS, '-a', '__proto__'), eventBody).map(([to, body]) => ({
    via: 'request' as const,
    subject: `customer.event.${to}`,
    body,
    worth: 'any' as const,
  })),
)

const REPLIES = [
  'customer.balance.e-0',
  'customer.balance.e-1.x',
  '$KV.config.projection.ledger',
  '$KV.config.parked.ledger.x',
  'customer.dead-letter.x.1',
  'customer.dead-letter.x.1.mark',
  '$JS.API.STREAM.INFO.customer-balances',
  '$SRV.PING',
  'orders',
  '_INBOX',
  '_INBOX.*',
  '_INBOX.>',
  '_INBOX..a',
]
const deputies: fc.Arbitrary<FuzzInput> = fc
  .tuple(requests, fc.constantFrom(...REPLIES))
  .map(([input, reply]) => ({
    via: 'deputy',
    subject: 'subject' in input ? input.subject : '',
    body: input.body ?? '',
    reply,
  }))

const control: fc.Arbitrary<FuzzInput> = fc
  .tuple(
    fc.constantFrom('$SRV.PING', '$SRV.INFO.customer', '$SRV.STATS.customer'),
    fc.oneof(noise, fc.json()),
    header,
  )
  .map(([subject, body, lines]) => ({ via: 'request', subject, body, header: lines, worth: 'any' }))

const PATHS = [
  '/v1/customers/f-1/balance',
  '/v1/customers/e-1/statement',
  '/v1/customers/e-1/account',
  '/v1/customers/e-1/holds',
  '/v1/transactions/a/explain',
  '/v1/customers',
  '/v1/ranking',
  '/v1/summary',
  '/v1/transactions/a',
  '/v1/nats/subjects/customer.balance',
  '/healthz',
  '/docs',
]
const targetNoise = fc.string({
  unit: fc.integer({ min: 0x21, max: 0xff }).map(code => String.fromCharCode(code)),
  maxLength: 20,
})
const target = fc
  .tuple(
    fc.constantFrom(...PATHS),
    fc.oneof(
      fc.constant(''),
      targetNoise.map(text => `/${text}`),
    ),
    fc.array(fc.tuple(fc.constantFrom('limit', 'cursor', 'from', 'to', 'as_of', '__proto__'), targetNoise), {
      maxLength: 3,
    }),
  )
  .map(
    ([path, more, query]) =>
      `${path}${more}${query.length === 0 ? '' : `?${query.map(pair => pair.join('=')).join('&')}`}`,
  )
const reads: fc.Arbitrary<FuzzInput> = fc
  .tuple(
    target,
    fc.constantFrom('GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'BREW'),
    fc.array(headerLine, { maxLength: 2 }),
  )
  .map(([to, method, headers]) => ({ via: 'http', method, target: to, headers }))

const writes: fc.Arbitrary<FuzzInput> = fc
  .tuple(
    fc.constantFrom('credits', 'debits'),
    objectsOf({ amount: amountText, reference, metadata }, ['reference', 'metadata']),
    fc.constantFrom('f-1', 'f-2', 'e-1'),
  )
  .map(([path, { text }, to]) => ({
    via: 'http',
    method: 'POST',
    target: `/v1/customers/${to}/${path}`,
    headers: ['Content-Type: application/json'],
    body: text,
  }))

const ofDocument = ({ paths }: Document): fc.Arbitrary<FuzzInput> =>
  fc.oneof(
    ...Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) =>
        requestsOf(path, method, operation).map(
          (documented): FuzzInput => ({
            via: 'http',
            method: method.toUpperCase(),
            target: documented.url,
            headers: Object.entries(documented.headers).map(([name, value]) => `${name}: ${value}`),
            ...(documented.body === undefined ? {} : { body: documented.body }),
            documented,
          }),
        ),
      ),
    ),
  )

/** A batch of inputs, sent at once to a ledger whose gateway has this OpenAPI document. */
export const fuzzInputs = (document: Document): fc.Arbitrary<FuzzInput[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: requests },
      { weight: 1, arbitrary: requestsWithHeader },
      { weight: 5, arbitrary: events },
      { weight: 2, arbitrary: published },
      { weight: 1, arbitrary: deputies },
      { weight: 1, arbitrary: control },
      { weight: 2, arbitrary: reads },
      { weight: 2, arbitrary: writes },
      { weight: 2, arbitrary: ofDocument(document) },
    ),
    { minLength: 1, maxLength: 24, size: 'max' },
  )
