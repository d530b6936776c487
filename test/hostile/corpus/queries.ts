/** Lists queries over NATS: their fields and cursors. `times.ts` lists the times. */

import { bytes, done, either, error, invalid, type Known, nested, type RequestInput } from '../inputs.js'
import { headerBlock } from '../raw-nats.js'

const ask = (
  name: string,
  subject: string,
  body: RequestInput['body'],
  gives: RequestInput['gives'],
): RequestInput => ({
  name: `query: ${name}`,
  subject: `customer.${subject}`,
  ...(body === undefined ? {} : { body }),
  gives,
})

const NO_JSON = error('BAD_REQUEST')

/** The predecessor's contract: unknown fields are ignored, and a body that is not JSON has a status of its own. */
const BALANCE: readonly RequestInput[] = [
  ask('balance, exactly', 'balance', '{"client_id":"1"}', done('{"balance":')),
  ask('balance by its other name', 'balance', '{"customer_id":"1"}', done('{"balance":')),
  ask('balance of nobody', 'balance', '{"client_id":"nobody-ever"}', done('{"balance":0}')),
  ask(
    'balance with an unknown field',
    'balance',
    '{"client_id":"1","colour":"red"}',
    done('{"balance":', 'Ledger-Ignored: colour'),
  ),
  ask(
    'balance with a misspelt field',
    'balance',
    '{"client_id":"1","minVersion":99}',
    done('{"balance":', 'Ledger-Ignored: minVersion'),
  ),
  ask(
    'balance with __proto__',
    'balance',
    '{"client_id":"1","__proto__":{"min_version":9999}}',
    done('{"balance":', 'Ledger-Ignored: __proto__'),
  ),
  ask('balance with the id in __proto__', 'balance', '{"__proto__":{"client_id":"1"}}', invalid('client_id')),
  ask(
    'balance with 2,000 unknown fields',
    'balance',
    `{"client_id":"1",${Array.from({ length: 2_000 }, (_, i) => `"k${i}":1`)}}`,
    done('{"balance":'),
  ),
  ask(
    'balance with an unknown name of line breaks',
    'balance',
    '{"client_id":"1","a\\r\\nNats-Service-Error-Code: 500":1}',
    done('{"balance":'),
  ),
  ask(
    'balance with an unknown name that is not ASCII',
    'balance',
    '{"client_id":"1","\u20ac\\ud800":1}',
    done('{"balance":'),
  ),
  ask('balance of nothing', 'balance', '', NO_JSON),
  ask('balance of text', 'balance', 'client_id=1', NO_JSON),
  ask('balance of UTF-16', 'balance', Buffer.from('{"client_id":"1"}', 'utf16le'), NO_JSON),
  ask('balance of a byte that UTF-8 has not', 'balance', bytes('{"client_id":"\xff"}'), NO_JSON),
  ask('balance of two objects', 'balance', '{"client_id":"1"}{"client_id":"2"}', NO_JSON),
  ask('balance of null', 'balance', 'null', invalid('client_id')),
  ask('balance of a list', 'balance', '["1"]', invalid('client_id')),
  ask('balance of a number', 'balance', '{"client_id":1}', invalid('client_id')),
  ask('balance of two tokens', 'balance', '{"client_id":"a.b"}', invalid('client_id')),
  ask('balance of a wildcard', 'balance', '{"client_id":">"}', invalid('client_id')),
  ask('balance with a line break', 'balance', '{"client_id":"1\\r\\n"}', invalid('client_id')),
  ask('balance of __proto__', 'balance', '{"client_id":"__proto__"}', invalid('client_id')),
  ask('balance of constructor', 'balance', '{"client_id":"constructor"}', done('{"balance":')),
  ask(
    'balance 100,000 levels deep',
    'balance',
    `{"client_id":"1","x":${nested(100_000)}}`,
    either('INVALID_REQUEST', 'BAD_REQUEST'),
  ),
  ask(
    'a version that is never reached',
    'balance',
    '{"client_id":"nobody-ever","min_version":9007199254740991}',
    error('NOT_REACHED'),
  ),
  ask(
    'a version that is no whole number',
    'balance',
    '{"client_id":"1","min_version":1.5}',
    invalid('min_version'),
  ),
  ask('a version below zero', 'balance', '{"client_id":"1","min_version":-1}', invalid('min_version')),
  ask('a version as text', 'balance', '{"client_id":"1","min_version":"1"}', invalid('min_version')),
  ask(
    'a version beyond doubles',
    'balance',
    '{"client_id":"1","min_version":9007199254740993}',
    invalid('min_version'),
  ),
  ask('a version of 1e400', 'balance', '{"client_id":"1","min_version":1e400}', invalid('min_version')),
  ask(
    'a sequence that is not there yet',
    'balance',
    '{"client_id":"1","as_of_seq":9007199254740991}',
    error('NOT_REACHED'),
  ),
  ask(
    'the past and a version',
    'balance',
    '{"client_id":"1","as_of_seq":1,"min_version":1}',
    invalid('as_of_seq'),
  ),
  ask(
    'two pasts',
    'balance',
    '{"client_id":"1","as_of_seq":1,"as_of":"2026-11-26T00:00:00Z"}',
    invalid('as_of'),
  ),
  ask('weak consistency', 'balance', '{"client_id":"1","consistency":"weak"}', invalid('consistency')),
  ask(
    'consistency in a list',
    'balance',
    '{"client_id":"1","consistency":["strong"]}',
    invalid('consistency'),
  ),
]

/** Unknown and repeated fields are refused, and the refusal names them. */
const STRICT: readonly RequestInput[] = [
  ['statement', '{"client_id":"1"', 'entries'],
  ['list', '{"limit":2', 'customers'],
  ['ranking', '{"limit":2', 'ranking'],
  ['summary', '{"from":"2026-11-20"', 'days'],
].flatMap(([name = '', start = '', holds = '']) => [
  ask(`${name}, as it should be`, name, `${start}}`, done(holds)),
  ask(
    `${name} with a limit in __proto__`,
    name,
    `${start},"__proto__":{"limit":60000}}`,
    invalid('__proto__'),
  ),
  ask(
    `${name} with constructor`,
    name,
    `${start},"constructor":{"prototype":{"limit":9}}}`,
    invalid('constructor'),
  ),
  ask(`${name} with Limit`, name, `${start},"Limit":5}`, invalid('Limit')),
  ask(`${name} with a field twice`, name, `${start},"cursor":"a","cursor":"b"}`, invalid('cursor')),
  ask(`${name} of a list`, name, '[]', invalid()),
  ask(`${name} of half an object`, name, start, invalid()),
  ask(`${name} with a comma too many`, name, `${start},}`, invalid()),
  ask(`${name} of a byte that UTF-8 has not`, name, bytes('{"\xff":1}'), invalid()),
  ask(`${name} 100,000 levels deep`, name, `${start},"x":${nested(100_000)}}`, invalid()),
])

const LIMITS: readonly RequestInput[] = [
  '0',
  '-1',
  '1001',
  '60000',
  '1.5',
  '1e400',
  '"5"',
  'null',
  '[5]',
  '9007199254740993',
].map(limit => ask(`a limit of ${limit}`, 'list', `{"limit":${limit}}`, invalid('limit')))

const sealed = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString('base64url')
const withCursor = (cursor: string): string => `{"cursor":${JSON.stringify(cursor)}}`
const statement = (cursor: string, rest = ''): string =>
  `{"client_id":"1","cursor":${JSON.stringify(cursor)}${rest}}`

const FORGED: readonly (readonly [name: string, cursor: string])[] = [
  ['empty', ''],
  ['one letter', 'x'],
  ['no base64', '!!!!'],
  ['a NUL', '\u0000'],
  ['3,000 characters', 'A'.repeat(3_000)],
  ['900,000 characters', 'A'.repeat(900_000)],
  ['an empty object', sealed({})],
  ['null', sealed(null)],
  ['a list', sealed([])],
  ['a number', sealed(1)],
  ['the highest rank', sealed({ client_id: '678', balance: 1, rank: Number.MAX_SAFE_INTEGER })],
  ['a rank below zero', sealed({ client_id: '678', balance: 1, rank: -1 })],
  ['a rank that is no number', sealed({ client_id: '678', balance: 1, rank: '1' })],
  ['a balance beyond int64', sealed({ client_id: '678', balance: '9223372036854775808', rank: 1 })],
  ['a customer of two tokens', sealed({ client_id: 'a.b' })],
  ['sequences below zero', sealed({ client_id: '1', from_seq: -1, to_seq: -1 })],
  ['sequences that are no numbers', sealed({ client_id: '1', from_seq: {}, to_seq: [] })],
  ['everything in __proto__', Buffer.from('{"__proto__":{"client_id":"1"}}').toString('base64url')],
]

const last = (cursor: string): string => (cursor.endsWith('A') ? 'B' : 'A')
const cursorAsk = (name: string, subject: string, body: (known: Known) => string): RequestInput =>
  ask(`cursor: ${name}`, subject, body, invalid('cursor'))

const MISPLACED: readonly RequestInput[] = [
  cursorAsk('of the list, for the ranking', 'ranking', ({ cursors }) => withCursor(cursors.list)),
  cursorAsk('of the ranking, for the list', 'list', ({ cursors }) => withCursor(cursors.ranking)),
  cursorAsk('of the list, for a statement', 'statement', ({ cursors }) => statement(cursors.list)),
  cursorAsk('of a statement, for the list', 'list', ({ cursors }) => withCursor(cursors.statement)),
  cursorAsk(
    'of another customer',
    'statement',
    ({ cursors }) => `{"client_id":"2","cursor":"${cursors.statement}"}`,
  ),
  cursorAsk('of another time', 'statement', ({ cursors }) =>
    statement(cursors.statement, ',"from":"2026-01-01T00:00:00Z"'),
  ),
  cursorAsk('half of one', 'list', ({ cursors }) =>
    withCursor(cursors.list.slice(0, cursors.list.length / 2)),
  ),
  cursorAsk('one less a character', 'ranking', ({ cursors }) => withCursor(cursors.ranking.slice(0, -1))),
  cursorAsk('one with a character more', 'list', ({ cursors }) => withCursor(`${cursors.list}A`)),
  cursorAsk('one with a changed character', 'ranking', ({ cursors }) =>
    withCursor(cursors.ranking.slice(0, -2) + last(cursors.ranking) + cursors.ranking.slice(-1)),
  ),
  cursorAsk('one with a blank', 'list', ({ cursors }) => withCursor(` ${cursors.list}`)),
  cursorAsk('one twice', 'list', ({ cursors }) => withCursor(cursors.list + cursors.list)),
]

const CURSORS: readonly RequestInput[] = [
  ...FORGED.flatMap(([name, cursor]) => [
    cursorAsk(`${name}, list`, 'list', () => withCursor(cursor)),
    cursorAsk(`${name}, ranking`, 'ranking', () => withCursor(cursor)),
    cursorAsk(`${name}, statement`, 'statement', () => statement(cursor)),
    cursorAsk(`${name}, holds`, 'holds', () => statement(cursor)),
  ]),
  ...['1', 'null', '{}', '["x"]', 'true'].map(cursor =>
    cursorAsk(`${cursor} is no text`, 'list', () => `{"cursor":${cursor}}`),
  ),
  ...MISPLACED,
  ask(
    'cursor: where it belongs, list',
    'list',
    ({ cursors }: Known) => withCursor(cursors.list),
    done('customers'),
  ),
  ask(
    'cursor: where it belongs, ranking',
    'ranking',
    ({ cursors }: Known) => withCursor(cursors.ranking),
    done('ranking'),
  ),
  ask(
    'cursor: where it belongs, statement',
    'statement',
    ({ cursors }: Known) => statement(cursors.statement),
    done('entries'),
  ),
]

const DAYS: readonly RequestInput[] = [
  ['a day that no month has', '{"from":"2026-02-30"}', 'from'],
  ['a time instead of a day', '{"from":"2026-11-26T00:00:00Z"}', 'from'],
  ['a year of five digits', '{"from":"12026-11-26"}', 'from'],
  ['a day in a list', '{"to":["2026-11-26"]}', 'to'],
  ['a day with a line break', '{"to":"2026-11-26\\n"}', 'to'],
  ['from after to', '{"from":"2026-11-26","to":"2026-11-25"}', 'from'],
  ['too many days', '{"from":"2026-01-01","to":"2026-11-25"}', 'from'],
  ['the year 1', '{"from":"0001-01-01"}', 'from'],
  ['the year 9999', '{"to":"9999-12-31"}', 'to'],
].map(([name = '', body = '', holds = '']) => ask(`summary: ${name}`, 'summary', body, invalid(holds)))

const HEADERS: readonly RequestInput[] = [
  ['a name with a blank', 'bad name: x'],
  ['no colon', 'nothing here'],
  ['a lone CR', 'A: x\ry'],
  ['an id', 'Nats-Msg-Id: x'],
  ['a trace', 'Nats-Trace-Dest: customer.balance.victim'],
].map(([name = '', line = '']) => ({
  ...ask(`header: ${name}`, 'balance', '{"client_id":"1"}', done('{"balance":')),
  header: headerBlock(line),
}))

export const QUERIES: readonly RequestInput[] = [
  ...BALANCE,
  ...STRICT,
  ...LIMITS,
  ...CURSORS,
  ...DAYS,
  ...HEADERS,
]
