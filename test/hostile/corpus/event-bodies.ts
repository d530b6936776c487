/**
 * Lists bodies of events, published on a customer's subject. Events of schema 1 are read as today for ever, because old
 * streams must fold as before; events of schema 2 are read strictly.
 */

import { applied, bytes, type EventInput, letter, nested, PARKED, REFUSED } from '../inputs.js'

type Row = readonly [name: string, body: string | Uint8Array, gives: EventInput['gives'], ...before: string[]]

const credit = (rest: string): string => `{"type":"credit","amount":1${rest}}`
const amount = (text: string): string => `{"type":"credit","amount":${text}}`
const strict = (text: string): string => `{"schema":2,"type":"credit","amount":${text}}`

const PROTOTYPES: readonly Row[] = [
  ['a transaction id in __proto__', credit(',"__proto__":{"transaction_id":1}'), applied(1)],
  ['a line break in an id in __proto__', credit(',"__proto__":{"transaction_id":"x\\ny"}'), applied(1)],
  ['another amount in __proto__', credit(',"__proto__":{"amount":1000}'), applied(1)],
  ['metadata in __proto__', credit(',"__proto__":{"metadata":"no object"}'), applied(1)],
  ['everything in __proto__', '{"__proto__":{"type":"credit","amount":5}}', letter()],
  ['the amount in __proto__', '{"type":"credit","__proto__":{"amount":5}}', letter()],
  ['constructor.prototype', credit(',"constructor":{"prototype":{"amount":7}}'), applied(1)],
  ['prototype', credit(',"prototype":{"transaction_id":1}'), applied(1)],
  ['__proto__ is null', credit(',"__proto__":null'), applied(1)],
  ['__proto__ within metadata', credit(',"metadata":{"__proto__":{"a":1}}'), applied(1)],
  ['the counterparty in __proto__', credit(',"transfer":{"__proto__":{"counterparty":"x"}}'), letter()],
  ['toString is a number', credit(',"toString":1,"valueOf":2,"toJSON":3'), applied(1)],
  ['toJSON within metadata', credit(',"metadata":{"toJSON":1,"then":2}'), applied(1)],
  ['hasOwnProperty is text', credit(',"hasOwnProperty":"x"'), applied(1)],
]

const DUPLICATES: readonly Row[] = [
  ['two amounts: schema 1 takes the last', '{"type":"credit","amount":1,"amount":5}', applied(5)],
  ['two types: schema 1 takes the last', '{"type":"debit","type":"credit","amount":5}', applied(5)],
  ['a good amount, then a bad one', '{"type":"credit","amount":1,"amount":-1}', letter()],
  ['the same key, once escaped', '{"type":"credit","amount":1,"\\u0061mount":7}', applied(7)],
  ['schema 99, then schema 1', '{"schema":99,"schema":1,"type":"credit","amount":1}', applied(1)],
  ['two amounts in schema 2', '{"schema":2,"type":"credit","amount":1,"amount":5}', letter()],
  ['two equal types in schema 2', '{"schema":2,"type":"credit","type":"credit","amount":5}', letter()],
  ['an escaped duplicate in schema 2', '{"schema":2,"type":"credit","amount":1,"\\u0061mount":7}', letter()],
  [
    'a duplicate within metadata in schema 2',
    '{"schema":2,"type":"credit","amount":1,"metadata":{"a":1,"a":2}}',
    letter(),
  ],
]

const INT64_MAX = '9223372036854775807'

const NUMBERS: readonly Row[] = [
  ['a long fraction just below 1', amount('0.99999999999999999999'), applied(1)],
  ['a half that a double cannot hold', amount('4503599627370497.5'), applied('4503599627370498')],
  ['1.0', amount('1.0'), applied(1)],
  ['1e2', amount('1e2'), applied(100)],
  ['a double too large', amount('1e400'), letter()],
  ['2^53 and one', amount('9007199254740993'), letter()],
  ['2^53 less one', amount('9007199254740991'), applied('9007199254740991')],
  ['the largest int64 as text', amount(`"${INT64_MAX}"`), applied(INT64_MAX)],
  ['one more than int64', amount('"9223372036854775808"'), letter()],
  ['a sum beyond int64', amount('1'), letter('BALANCE_LIMIT', INT64_MAX), amount(`"${INT64_MAX}"`)],
  ['zero', amount('0'), letter()],
  ['minus zero', amount('-0'), letter()],
  ['minus one', amount('-1'), letter()],
  ['a fraction', amount('4.5'), letter()],
  ['text with a leading zero', amount('"01"'), letter()],
  ['text with a plus', amount('"+1"'), letter()],
  ['text with a blank', amount('" 1"'), letter()],
  ['text with an exponent', amount('"1e2"'), letter()],
  ['empty text', amount('""'), letter()],
  ['digits of another script', amount('"\u0661"'), letter()],
  ['400 digits', amount('9'.repeat(400)), letter()],
  ['a list', amount('[1]'), letter()],
  ['an object', amount('{"valueOf":1}'), letter()],
  ['true', amount('true'), letter()],
  ['null', amount('null'), letter()],
  ['NaN', amount('NaN'), letter()],
  ['Infinity', amount('Infinity'), letter()],
  ['hexadecimal', amount('0x10'), letter()],
  ['a leading zero', amount('01'), letter()],
  ['a plus', amount('+1'), letter()],
  ['no digit before the point', amount('.5'), letter()],
  ['no digit after the point', amount('1.'), letter()],
  ['a debit of more than there is', '{"type":"debit","amount":1}', letter('INSUFFICIENT_FUNDS')],
  ['schema 2: a long fraction just below 1', strict('0.99999999999999999999'), letter()],
  ['schema 2: a half that a double cannot hold', strict('4503599627370497.5'), letter()],
  ['schema 2: 2^53 and one', strict('9007199254740993'), letter()],
  ['schema 2: a usual amount', strict('12'), applied(12)],
]

const NOT_JSON: readonly Row[] = [
  ['nothing', '', letter()],
  ['a blank', ' ', letter()],
  ['null', 'null', letter()],
  ['a list', '[]', letter()],
  ['text', '"credit"', letter()],
  ['a number', '123', letter()],
  ['an empty object', '{}', letter()],
  ['half an object', '{"type":"credit"', letter()],
  ['a comma too many', '{"type":"credit","amount":1,}', letter()],
  ['single quotes', "{'type':'credit','amount':1}", letter()],
  ['names without quotes', '{type:"credit",amount:1}', letter()],
  ['a comment', '{"type":"credit",/* one */"amount":1}', letter()],
  ['two objects', '{"type":"credit","amount":1}{"type":"credit","amount":1}', letter()],
  ['a NUL at the end', '{"type":"credit","amount":1}\u0000', letter()],
  ['a control character in a text', '{"type":"credit","amount":1,"reference":"a\nb"}', letter()],
  ['a byte order mark', '\ufeff{"type":"credit","amount":1}', applied(1)],
  ['two byte order marks', '\ufeff\ufeff{"type":"credit","amount":1}', letter()],
  ['UTF-16', Buffer.from('{"type":"credit","amount":1}', 'utf16le'), letter()],
  ['a byte that UTF-8 has not', bytes('{"type":"credit","amount":1,"reference":"\xff"}'), letter()],
  ['an overlong NUL', bytes('{"type":"credit","amount":1,"reference":"\xc0\x80"}'), letter()],
  [
    'half a surrogate pair in bytes',
    bytes('{"type":"credit","amount":1,"reference":"\xed\xa0\x80"}'),
    letter(),
  ],
  ['a form feed as a blank', '{\f"type":"credit","amount":1}', letter()],
  ['blanks of every kind that JSON knows', ' \t\r\n{ "type" :\t"credit" ,\r\n"amount":1 } \n', applied(1)],
]

const TEXTS: readonly Row[] = [
  ['half a surrogate pair as a reference', credit(',"reference":"\\ud800"'), applied(1)],
  ['half a surrogate pair as a name', credit(',"metadata":{"\\udc00":1}'), applied(1)],
  ['half a surrogate pair in metadata', credit(',"metadata":{"a":["\\ud83d"]}'), applied(1)],
  ['a NUL in a reference', credit(',"reference":"a\\u0000b"'), applied(1)],
  ['an empty reference', credit(',"reference":""'), applied(1)],
  ['an empty name in metadata', credit(',"metadata":{"":""}'), applied(1)],
  [
    'terminal escapes in a reference',
    credit(',"reference":"\\u001b]0;owned\\u0007\\r\\nforged"'),
    applied(1),
  ],
  ['a reference that is no text', credit(',"reference":1'), letter()],
  ['metadata that is a list', credit(',"metadata":[]'), letter()],
  ['metadata that is null', credit(',"metadata":null'), letter()],
  ['a transfer with nobody', credit(',"transfer":{}'), letter()],
  ['a transfer with two tokens', credit(',"transfer":{"counterparty":"a.b"}'), letter()],
]

const IDS: readonly Row[] = [
  ['the longest id', credit(`,"transaction_id":"${'i'.repeat(135)}"`), applied(1)],
  ['an id one too long', credit(`,"transaction_id":"${'j'.repeat(136)}"`), letter()],
  ['an empty id', credit(',"transaction_id":""'), letter()],
  ['an id with a line break', credit(',"transaction_id":"x\\ny"'), letter()],
  ['an id with a NUL', credit(',"transaction_id":"x\\u0000y"'), letter()],
  ['an id that is a number', credit(',"transaction_id":1'), letter()],
  ['an id like the key of another row', credit(',"transaction_id":"@1"'), applied(1)],
  ['an id that begins like the key of a row', credit(',"transaction_id":"#never"'), applied(1)],
  ["an id like a customer's item", credit(',"transaction_id":"678"'), applied(1)],
  ['an id like the key of a sum', credit(',"transaction_id":"=all:0"'), applied(1)],
  ['the id __proto__', credit(',"transaction_id":"__proto__"'), applied(1)],
  [
    'the id of an event before',
    credit(',"transaction_id":"twice"'),
    applied(2),
    credit(',"transaction_id":"twice"'),
  ],
  ["the id of a transfer's second event", credit(',"transaction_id":"never:credit"'), applied(1)],
]

const TYPES: readonly Row[] = [
  ['an unknown type', '{"type":"transfer","amount":1}', letter()],
  ['a type in capitals', '{"type":"CREDIT","amount":1}', letter()],
  ['a type with a blank', '{"type":"credit ","amount":1}', letter()],
  ['a type in a list', '{"type":["credit"],"amount":1}', letter()],
  ['the type constructor', '{"type":"constructor","amount":1}', letter()],
  ['the type __proto__', '{"type":"__proto__","amount":1}', letter()],
  ['no type', '{"amount":1}', letter()],
  ['no amount', '{"type":"credit"}', letter()],
  ['a refusal', '{"type":"declined","amount":1}', applied(0)],
  [
    'a refusal that refuses nothing known',
    '{"type":"declined","amount":1,"declined":{"code":"X"}}',
    letter(),
  ],
  ['an unknown field', credit(',"colour":"red"'), applied(1)],
]

const SCHEMAS: readonly Row[] = [
  ['schema 0', '{"schema":0,"type":"credit","amount":1}', letter()],
  ['schema -1', '{"schema":-1,"type":"credit","amount":1}', letter()],
  ['schema 1.5', '{"schema":1.5,"type":"credit","amount":1}', letter()],
  ['schema as text', '{"schema":"1","type":"credit","amount":1}', letter()],
  ['schema null', '{"schema":null,"type":"credit","amount":1}', letter()],
  ['schema 1e400', '{"schema":1e400,"type":"credit","amount":1}', letter()],
  ['schema in __proto__', credit(',"__proto__":{"schema":99}'), applied(1)],
  ['schema 99', '{"schema":99}', PARKED],
  ['schema 99, and a good event after it', credit(''), PARKED, '{"schema":99}'],
  ['schema 2 of a type that is to come', '{"schema":2,"type":"lapse","amount":1}', PARKED],
  ['schema 2 with a field that is to come', '{"schema":2,"type":"credit","amount":1,"asset":"EUR"}', PARKED],
]

const skip = (seq: string, rest = ',"reason":"r","by":"b"'): string =>
  `{"schema":2,"type":"skip","seq":${seq}${rest}}`

/** Decisions to skip an event at which a customer waits. No customer waits at the events of these decisions. */
const DECISIONS: readonly Row[] = [
  ['about an event of somebody else', skip('1'), letter()],
  ['about an event that is to come', skip('9007199254740991'), letter()],
  ['about an event that counts', skip('1001'), letter('MALFORMED', 1), credit('')],
  ['of schema 1', '{"schema":1,"type":"skip","seq":1,"reason":"r","by":"b"}', letter()],
  ['of no schema', '{"type":"skip","seq":1,"reason":"r","by":"b"}', letter()],
  ['about sequence 0', skip('0'), letter()],
  ['about sequence -1', skip('-1'), letter()],
  ['about sequence 1.5', skip('1.5'), letter()],
  ['about sequence 1e400', skip('1e400'), letter()],
  ['about a sequence as text', skip('"1"'), letter()],
  ['about two sequences', skip('1,"seq":2'), letter()],
  ['without a reason', skip('1', ',"by":"b"'), letter()],
  ['with an empty reason', skip('1', ',"reason":"","by":"b"'), letter()],
  ['with a reason of 501 characters', skip('1', `,"reason":"${'r'.repeat(501)}","by":"b"`), letter()],
  ['by nobody', skip('1', ',"reason":"r"'), letter()],
  ['with a field that is to come', skip('1', ',"reason":"r","by":"b","until":"later"'), PARKED],
]

/** The stream stores no event larger than 64 KiB. */
const TOO_LARGE = REFUSED

/** Bodies of 64 KB as sent and 284 KB as JavaScript writes them: fifteen are too large for one DynamoDB transaction. */
const GROWING = Array.from(
  { length: 20 },
  (_, i): Row => [
    `64 KB of 1E20, which are 284 KB written, ${i + 1} of 20`,
    credit(`,"metadata":{"a":[${Array(13_000).fill('1E20')}]}`),
    applied(1),
  ],
)

const LARGE: readonly Row[] = [
  ['metadata 9 levels deep', credit(`,"metadata":{"a":${nested(9)}}`), applied(1)],
  ['metadata 2,300 levels deep', credit(`,"metadata":{"a":${nested(2_300)}}`), applied(1)],
  ['metadata 30,000 levels deep', credit(`,"metadata":{"a":${nested(30_000)}}`), applied(1)],
  [
    'objects 9,000 levels deep',
    credit(`,"metadata":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`),
    applied(1),
  ],
  ['an unknown field 30,000 levels deep', credit(`,"x":${nested(30_000)}`), applied(1)],
  [
    'a refusal 30,000 levels deep',
    `{"type":"declined","amount":1,"metadata":{"a":${nested(30_000)}}}`,
    applied(0),
  ],
  ...GROWING,
  ['a reference of 65,000 characters', credit(`,"reference":"${'r'.repeat(65_000)}"`), applied(1)],
  [
    'a reference of 21,000 characters of three bytes',
    credit(`,"reference":"${'\u20ac'.repeat(21_000)}"`),
    applied(1),
  ],
  [
    'metadata of 10,000 NULs, which are six times as long',
    credit(`,"metadata":{"a":"${'\\u0000'.repeat(10_000)}"}`),
    applied(1),
  ],
  ['metadata of 65 KB', credit(`,"metadata":{"a":"${'m'.repeat(65_000)}"}`), applied(1)],
  [
    'metadata of 6,000 names',
    credit(`,"metadata":{${Array.from({ length: 6_000 }, (_, i) => `"${i}":0`)}}`),
    applied(1),
  ],
  ['a name of 65,000 characters', credit(`,"metadata":{"${'n'.repeat(65_000)}":1}`), applied(1)],
  ['a bad event of 65 KB', `{"type":"credit","amount":-1,"x":"${'x'.repeat(65_000)}"}`, letter()],
  ['66 KB', credit(`,"reference":"${'r'.repeat(66_000)}"`), TOO_LARGE],
  ['1 MB', credit(`,"metadata":{"a":"${'m'.repeat(1_000_000)}"}`), TOO_LARGE],
]

/** Events with false claims. The claims do not change whether an event counts; verify reports them, and nothing heals them. */
const CLAIMS: readonly Row[] = [
  ['a forged balance', credit(',"after":{"balance":999999,"version":1}'), applied(1)],
  ['a forged version', credit(',"after":{"balance":1,"version":99}'), applied(1)],
  ['a claim in __proto__', credit(',"after":{"__proto__":{"balance":1,"version":1}}'), applied(1)],
  ['a claim that is no object', credit(',"after":"everything"'), applied(1)],
  ['a claim 30,000 levels deep', credit(`,"after":${nested(30_000)}`), applied(1)],
  [
    'a claim of a refused event',
    '{"type":"debit","amount":9,"after":{"balance":5,"version":1}}',
    letter('INSUFFICIENT_FUNDS'),
  ],
  [
    'a debit of half a transfer',
    '{"type":"debit","amount":1,"transfer":{"counterparty":"678"}}',
    applied(4),
    '{"type":"credit","amount":5}',
  ],
  ['a credit of half a transfer', credit(',"transfer":{"counterparty":"678"}'), applied(1)],
]

const eventOf =
  (group: string) =>
  ([name, body, gives, ...before]: Row): EventInput => ({ name: `${group}: ${name}`, body, gives, before })

export const EVENT_BODIES: readonly EventInput[] = [
  ...PROTOTYPES.map(eventOf('prototype')),
  ...DUPLICATES.map(eventOf('duplicate')),
  ...NUMBERS.map(eventOf('number')),
  ...NOT_JSON.map(eventOf('not JSON')),
  ...TEXTS.map(eventOf('text')),
  ...IDS.map(eventOf('id')),
  ...TYPES.map(eventOf('type')),
  ...SCHEMAS.map(eventOf('schema')),
  ...DECISIONS.map(eventOf('decision')),
  ...LARGE.map(eventOf('large')),
]

export const EVENT_CLAIMS: readonly EventInput[] = CLAIMS.map(eventOf('claim'))
