/** Lists HTTP requests: paths, query strings, headers and bodies. None gets a 500, and each refusal has its documented code. */

import { badRequest, bytes, type HttpInput, nested, status } from '../inputs.js'

const JSON_TYPE = 'Content-Type: application/json'
const CREDITS = '/v1/customers/hh/credits'

type Gives = HttpInput['gives']

const get = (name: string, target: HttpInput['target'], gives: Gives, ...headers: string[]): HttpInput => ({
  name: `HTTP GET: ${name}`,
  target,
  headers,
  gives,
})

const post = (name: string, body: HttpInput['body'], gives: Gives, target = CREDITS): HttpInput => ({
  name: `HTTP POST: ${name}`,
  method: 'POST',
  target,
  headers: [JSON_TYPE],
  ...(body === undefined ? {} : { body }),
  gives,
})

const head = (name: string, gives: Gives, ...headers: string[]): HttpInput => ({
  name: `HTTP header: ${name}`,
  method: 'POST',
  target: CREDITS,
  headers: [JSON_TYPE, ...headers],
  body: '{"amount":1}',
  gives,
})

const NOT_FOUND = status(404, 'NOT_FOUND')

const PATHS: readonly HttpInput[] = [
  get('a balance', '/v1/customers/1/balance', status(200)),
  get('nothing there', '/v2/customers', NOT_FOUND),
  get('a doubled slash', '//v1/customers', NOT_FOUND),
  get('dots', '/v1/customers/../../etc/passwd', NOT_FOUND),
  get('encoded dots', '/v1/customers/%2e%2e/balance', badRequest('client_id')),
  get('an encoded slash', '/v1/customers/a%2Fb/balance', badRequest('client_id')),
  get('an encoded NUL', '/v1/customers/a%00/balance', badRequest('client_id')),
  get('encoded line breaks', '/v1/customers/a%0d%0ab/balance', badRequest('client_id')),
  get('a percent sign that encodes nothing', '/v1/customers/%zz/balance', status(400)),
  get('bytes that UTF-8 has not', '/v1/customers/%ff/balance', status(400)),
  get('a customer of 65 characters', `/v1/customers/${'x'.repeat(65)}/balance`, badRequest('client_id')),
  get('a customer of 5,000 characters', `/v1/customers/${'x'.repeat(5_000)}/balance`, status(400)),
  get('__proto__', '/v1/customers/__proto__/balance', badRequest('client_id')),
  get('constructor', '/v1/customers/constructor/balance', status(200)),
  get('a transaction with a blank', '/v1/transactions/a%20b', badRequest('transaction_id')),
  get('a transaction of 150 characters', `/v1/transactions/${'i'.repeat(150)}`, badRequest('transaction_id')),
  get('a transaction that nobody knows', '/v1/transactions/never-seen', NOT_FOUND),
  get('a path of 17 KB', `/v1/${'x'.repeat(17_000)}`, status(431, 'HEADERS_TOO_LARGE')),
  get("the server's path with an asterisk", '*', { status: [302, 400, 404] }),
  { name: 'HTTP method: PUT', method: 'PUT', target: CREDITS, gives: status(405, 'METHOD_NOT_ALLOWED') },
  {
    name: 'HTTP method: DELETE',
    method: 'DELETE',
    target: '/v1/customers',
    gives: status(405, 'METHOD_NOT_ALLOWED'),
  },
  { name: 'HTTP method: unknown', method: 'BREW', target: '/v1/customers', gives: { status: [400, 405] } },
]

const PARAMETERS: readonly HttpInput[] = [
  get('an unknown parameter', '/v1/customers?colour=red', badRequest('colour')),
  get('a misspelt parameter', '/v1/customers/1/balance?minVersion=1', badRequest('minVersion')),
  get('__proto__ as a parameter', '/v1/customers?__proto__=1', badRequest('__proto__')),
  get('constructor as a parameter', '/v1/customers?constructor=1', badRequest('constructor')),
  get('a parameter twice', '/v1/customers?limit=1&limit=2', badRequest('limit')),
  get('a parameter as a list', '/v1/customers?limit[]=1', badRequest('limit[]')),
  get('a parameter as an object', '/v1/customers?limit[a]=1', badRequest('limit[a]')),
  get('a parameter without a name', '/v1/customers?=1', status(400)),
  get('an empty limit', '/v1/customers?limit=', badRequest('limit')),
  get('a limit without a value', '/v1/customers?limit', badRequest('limit')),
  get('a limit of 0', '/v1/customers?limit=0', badRequest('limit')),
  get('a limit of 1001', '/v1/customers?limit=1001', badRequest('limit')),
  get('a limit of 1e2', '/v1/customers?limit=1e2', badRequest('limit')),
  get('a limit in hexadecimal', '/v1/customers?limit=0x10', badRequest('limit')),
  get('a limit with a blank', '/v1/customers?limit=%201', badRequest('limit')),
  get('a limit with a NUL', '/v1/customers?limit=1%00', badRequest('limit')),
  get('a limit of other digits', '/v1/customers?limit=%D9%A1', badRequest('limit')),
  get(
    'a version beyond doubles',
    '/v1/customers/1/balance?min_version=9007199254740993',
    badRequest('min_version'),
  ),
  get('a sequence below zero', '/v1/customers/1/balance?as_of_seq=-1', badRequest('as_of_seq')),
  get('a time-out of 0', '/v1/customers?timeout=0', badRequest('timeout')),
  get('a time-out of an hour', '/v1/customers?timeout=3600000', badRequest('timeout')),
  get('a cursor that is none', '/v1/customers?cursor=x', badRequest('cursor')),
  get('an empty cursor', '/v1/ranking?cursor=', badRequest('cursor')),
  get('a cursor of 3,000 characters', `/v1/ranking?cursor=${'A'.repeat(3_000)}`, badRequest('cursor')),
  get(
    'a cursor of another path',
    ({ cursors }) => `/v1/ranking?cursor=${cursors.list}`,
    badRequest('cursor'),
  ),
  get(
    'a cursor of another customer',
    ({ cursors }) => `/v1/customers/2/statement?cursor=${cursors.statement}`,
    badRequest('cursor'),
  ),
  get('a cursor where it belongs', ({ cursors }) => `/v1/customers?cursor=${cursors.list}`, status(200)),
  get('a day that no month has', '/v1/summary?from=2026-02-30', badRequest('from')),
  get('a day of the year 9999', '/v1/summary?to=9999-12-31', badRequest('to')),
  get(
    '1,000 parameters',
    `/v1/customers?${Array.from({ length: 1_000 }, (_, i) => `p${i}=1`).join('&')}`,
    status(400),
  ),
]

const credit = (rest: string): string => `{"amount":1${rest}}`
const amount = (text: string): string => `{"amount":${text}}`

const BODIES: readonly HttpInput[] = [
  post('nothing', undefined, status(400)),
  post('an empty body', '', status(400)),
  post('null', 'null', status(400)),
  post('a list', '[]', status(400)),
  post('half an object', '{"amount":1', badRequest('JSON')),
  post('a comma too many', '{"amount":1,}', badRequest('JSON')),
  post('two objects', '{"amount":1}{"amount":1}', badRequest('JSON')),
  post('a byte that UTF-8 has not', bytes('{"amount":1,"reference":"\xff"}'), badRequest('JSON')),
  post('UTF-16', Buffer.from('{"amount":1}', 'utf16le'), badRequest('JSON')),
  post('an id in __proto__', credit(',"__proto__":{"transaction_id":"x\\ny"}'), badRequest('__proto__')),
  post('constructor', credit(',"constructor":{"prototype":1}'), badRequest('constructor')),
  post('an unknown field', credit(',"colour":1'), badRequest('colour')),
  post('an id in the body', credit(',"transaction_id":"x"'), badRequest('transaction_id')),
  post('a client_id in the body', credit(',"client_id":"other"'), badRequest('client_id')),
  post('two amounts', credit(',"amount":2'), badRequest('amount')),
  post('an escaped duplicate', credit(',"\\u0061mount":2'), badRequest('amount')),
  post('a long fraction just below 1', amount('0.99999999999999999999'), badRequest('amount')),
  post('a half that a double cannot hold', amount('4503599627370497.5'), badRequest('amount')),
  post('2^53 and one', amount('9007199254740993'), badRequest('amount')),
  post('a double too large', amount('1e400'), badRequest('amount')),
  post('zero', amount('0'), badRequest('amount')),
  post('one more than int64', amount('"9223372036854775808"'), badRequest('amount')),
  post('a list as an amount', amount('[1]'), badRequest('amount')),
  post('half a surrogate pair', credit(',"reference":"\\ud800"'), badRequest('reference')),
  post('metadata 1,000 levels deep', credit(`,"metadata":{"a":${nested(1_000)}}`), badRequest('metadata')),
  post('metadata 5,000 levels deep', credit(`,"metadata":{"a":${nested(5_000)}}`), status(400)),
  post('17 KB', credit(`,"reference":"${'r'.repeat(17_000)}"`), status(413, 'PAYLOAD_TOO_LARGE')),
  post('10 MB announced', credit(' '.repeat(2_000_000)), status(413, 'PAYLOAD_TOO_LARGE')),
  post('a transfer to oneself', '{"from":"hh","to":"hh","amount":1}', badRequest('to'), '/v1/transfers'),
  post('a batch of none', '{"mode":"all","commands":[]}', badRequest('commands'), '/v1/batches'),
  post(
    'a batch with a member of __proto__',
    '{"mode":"each","commands":[{"__proto__":{"type":"credit"}}]}',
    badRequest('commands'),
    '/v1/batches',
  ),
  post(
    'a debit of an empty account',
    '{"amount":1}',
    status(422, 'INSUFFICIENT_FUNDS'),
    '/v1/customers/poor/debits',
  ),
]

const HEADERS: readonly HttpInput[] = [
  head('as it should be', status(201)),
  head('a key of 129 characters', badRequest('Idempotency-Key'), `Idempotency-Key: ${'k'.repeat(129)}`),
  head('an empty key', badRequest('Idempotency-Key'), 'Idempotency-Key:'),
  head('a key with a blank', badRequest('Idempotency-Key'), 'Idempotency-Key: a b'),
  head('a key that is not ASCII', badRequest('Idempotency-Key'), 'Idempotency-Key: \u00e9'),
  head('two keys', status(400), 'Idempotency-Key: a1', 'Idempotency-Key: b1'),
  head("a transfer's second id", status(400), 'Idempotency-Key: x:credit'),
  head('a lone CR', status(400), 'X: a\rb'),
  head('a NUL', status(400), 'X: a\u0000b'),
  head('a name with a blank', status(400), 'bad name: x'),
  head('17 KB', status(431, 'HEADERS_TOO_LARGE'), `X: ${'x'.repeat(17_000)}`),
  head('two lengths', status(400), 'Content-Length: 1'),
  head('a length and chunks', status(400), 'Transfer-Encoding: chunked'),
  head('another origin', status(403, 'FORBIDDEN'), 'Origin: https://evil.example'),
  { ...head('another type', status(415, 'UNSUPPORTED_MEDIA_TYPE')), headers: ['Content-Type: text/plain'] },
  { ...head('no type', status(415, 'UNSUPPORTED_MEDIA_TYPE')), headers: [] },
  { ...head('no token', status(401, 'UNAUTHORIZED')), token: 'none' },
  { ...head('a token that may only read', status(403, 'FORBIDDEN')), token: 'reader' },
  {
    name: 'HTTP POST: a key that is too long for the ids of a batch',
    method: 'POST',
    target: '/v1/batches',
    headers: [JSON_TYPE, `Idempotency-Key: ${'k'.repeat(128)}`],
    body: '{"mode":"all","commands":[{"type":"credit","client_id":"hh","amount":1}]}',
    gives: badRequest('Idempotency-Key'),
  },
]

const NATS = '/v1/nats/subjects/'

const subject = (name: string, target: string, gives: Gives, ...headers: string[]): HttpInput => ({
  name: `HTTP subject: ${name}`,
  method: 'POST',
  target: NATS + target,
  headers,
  body: '{"client_id":"1"}',
  token: 'reader',
  gives,
})

/** A NATS header that the caller chooses is not passed on. */
const forwarded = (line: string): HttpInput =>
  subject(
    `a header for NATS: ${line}`,
    'customer.balance',
    badRequest(line.slice(0, line.indexOf(':'))),
    line,
  )

const SUBJECTS: readonly HttpInput[] = [
  subject('a balance', 'customer.balance', status(200)),
  subject("a customer's subject", 'customer.balance.678', NOT_FOUND),
  subject('the API of JetStream', '$JS.API.INFO', NOT_FOUND),
  subject('an encoded dot', 'customer%2Ebalance%2E678', NOT_FOUND),
  subject('a blank', 'customer.balance%20x', NOT_FOUND),
  subject('a line break', 'customer.balance%0d%0aPUB%20x%200', NOT_FOUND),
  subject('a wildcard', 'customer.*', NOT_FOUND),
  subject('an event', 'customer.event.678', NOT_FOUND),
  subject('__proto__', '__proto__', NOT_FOUND),
  subject('a write with a token that may only read', 'customer.credit', status(403, 'FORBIDDEN')),
  forwarded('NatsH-Nats-Trace-Dest: customer.balance.678'),
  forwarded('NatsH-Nats-Trace-Dest: $KV.config.projection.ledger'),
  forwarded('natsh-nats-trace-dest: customer.balance.678'),
  forwarded('NatsH-Nats-Msg-Id: x'),
  forwarded('NatsH-Ledger-Batch: x'),
  forwarded('NatsH-Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
]

export const HTTP: readonly HttpInput[] = [...PATHS, ...PARAMETERS, ...BODIES, ...HEADERS, ...SUBJECTS]
