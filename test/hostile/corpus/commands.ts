/** Lists commands over NATS: inexact amounts, unknown fields and invalid values are refused, and the text names the field. */

import { bytes, done, either, error, invalid, nested, type RequestInput } from '../inputs.js'
import { headerBlock } from '../raw-nats.js'

type Row = readonly [name: string, body: string | Uint8Array, gives?: RequestInput['gives']]

/** A credit of 1 to a customer that only these inputs use; `rest` follows its fields. */
const credit = (rest: string): string => `{"client_id":"hc","amount":1${rest}}`
const amount = (text: string): string => `{"client_id":"hc","amount":${text}}`
const BAD_AMOUNT = invalid('amount')

const FIELDS: readonly Row[] = [
  [
    'a line break in an id in __proto__',
    credit(',"__proto__":{"transaction_id":"x\\ny"}'),
    invalid('__proto__'),
  ],
  ['a good id in __proto__', credit(',"__proto__":{"transaction_id":"p-1"}'), invalid('__proto__')],
  ['everything in __proto__', '{"__proto__":{"client_id":"hc","amount":1}}', invalid('__proto__')],
  ['constructor', credit(',"constructor":{"prototype":{"amount":9}}'), invalid('constructor')],
  ['prototype', credit(',"prototype":{}'), invalid('prototype')],
  ['transactionId', credit(',"transactionId":"m-1"'), invalid('transactionId')],
  ['refrence', credit(',"refrence":"x"'), invalid('refrence')],
  ['Amount', credit(',"Amount":2'), invalid('Amount')],
  ['customer_id', credit(',"customer_id":"hc"'), invalid('customer_id')],
  ['an empty name', credit(',"":1'), invalid()],
  ['a name with a NUL', credit(',"a\\u0000":1'), invalid()],
  ['a type of its own', credit(',"type":"debit"'), invalid('type')],
  ['a schema', credit(',"schema":1'), invalid('schema')],
  ['two amounts', credit(',"amount":2'), BAD_AMOUNT],
  ['two equal amounts', credit(',"amount":1'), BAD_AMOUNT],
  ['two customers', credit(',"client_id":"other"'), invalid('client_id')],
  ['an escaped duplicate', credit(',"\\u0061mount":2'), BAD_AMOUNT],
  ['a duplicate within metadata', credit(',"metadata":{"a":1,"a":2}'), invalid()],
  ['escaped names are names', '{"\\u0063lient_id":"hc","amount":1}', done('"client_id":"hc"')],
  ['no amount', '{"client_id":"hc"}', BAD_AMOUNT],
  ['no customer', '{"amount":1}', invalid('client_id')],
]

const NUMBERS: readonly Row[] = [
  ['a long fraction just below 1', amount('0.99999999999999999999')],
  ['a half that a double cannot hold', amount('4503599627370497.5')],
  ['a fraction that rounds to 2', amount('2.00000000000000000001')],
  ['2^53 and one', amount('9007199254740993')],
  ['a double too large', amount('1e400')],
  ['a double too small', amount('1e-400')],
  ['zero', amount('0')],
  ['minus zero', amount('-0')],
  ['minus one', amount('-1')],
  ['minus one as text', amount('"-1"')],
  ['a fraction', amount('1.5')],
  ['one more than int64', amount('"9223372036854775808"')],
  ['400 digits', amount('9'.repeat(400))],
  ['10,000 digits as text', amount(`"${'9'.repeat(10_000)}"`)],
  ['a leading zero as text', amount('"01"')],
  ['digits of another script', amount('"\u0661"')],
  ['a list', amount('[1]')],
  ['an object', amount('{"valueOf":1}')],
  ['true', amount('true')],
  ['null', amount('null')],
  ['NaN', amount('NaN'), invalid()],
  ['hexadecimal', amount('0x10'), invalid()],
  ['a leading zero', amount('01'), invalid()],
  ['1.0', amount('1.0'), done()],
  ['1e2', amount('1e2'), done()],
  ['text', amount('"7"'), done()],
]

const NOT_JSON: readonly Row[] = [
  ['nothing', ''],
  ['null', 'null'],
  ['a list', '[]'],
  ['text', '"credit"'],
  ['half an object', '{"client_id":"hc"'],
  ['a comma too many', '{"client_id":"hc","amount":1,}'],
  ['two objects', `${credit('')}${credit('')}`],
  ['a NUL at the end', `${credit('')}\u0000`],
  ['UTF-16', Buffer.from(credit(''), 'utf16le')],
  ['a byte that UTF-8 has not', bytes(credit(',"reference":"\xff"'))],
  ['a control character in a text', credit(',"reference":"a\nb"')],
  ['100,000 levels', credit(`,"metadata":${nested(100_000)}`)],
  ['500,000 open brackets', '['.repeat(500_000)],
  ['an unknown field 5,000 levels deep', credit(`,"x":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`)],
  ['900 KB', credit(`,"reference":"${'r'.repeat(900_000)}"`)],
]

const VALUES: readonly Row[] = [
  ['a customer of two tokens', '{"client_id":"a.b","amount":1}', invalid('client_id')],
  ['a customer with a wildcard', '{"client_id":"*","amount":1}', invalid('client_id')],
  ['a customer of 65 characters', `{"client_id":"${'x'.repeat(65)}","amount":1}`, invalid('client_id')],
  ['the customer __proto__', '{"client_id":"__proto__","amount":1}', invalid('client_id')],
  ['the customer valueOf', '{"client_id":"valueOf","amount":1}', done()],
  ['a customer that is a number', '{"client_id":678,"amount":1}', invalid('client_id')],
  ['a customer with a line break', '{"client_id":"678\\n","amount":1}', invalid('client_id')],
  ['an id with a line break', credit(',"transaction_id":"x\\r\\ny"'), invalid('transaction_id')],
  ['an id with a blank', credit(',"transaction_id":"x y"'), invalid('transaction_id')],
  ['an id of 129 characters', credit(`,"transaction_id":"${'i'.repeat(129)}"`), invalid('transaction_id')],
  ['an id of 128 characters', credit(`,"transaction_id":"${'i'.repeat(128)}"`), done()],
  ["an id of a transfer's second event", credit(',"transaction_id":"x:credit"'), invalid('transaction_id')],
  ['an id that is null', credit(',"transaction_id":null'), invalid('transaction_id')],
  ['the id __proto__', credit(',"transaction_id":"__proto__"'), either('TRANSACTION_ID_REUSED')],
  ['the id constructor', credit(',"transaction_id":"constructor"'), done()],
  ['an id like the key of a row', credit(',"transaction_id":"seq:1000"'), done()],
  ['half a surrogate pair as a reference', credit(',"reference":"\\ud800"'), invalid('reference')],
  ['a reference of 257 characters', credit(`,"reference":"${'r'.repeat(257)}"`), invalid('reference')],
  ['a line break in a reference', credit(',"reference":"a\\r\\nNats-Msg-Id: x"'), done()],
  ['half a surrogate pair in metadata', credit(',"metadata":{"a":"\\ud800"}'), invalid('metadata')],
  ['half a surrogate pair as a name', credit(',"metadata":{"\\udc00":1}'), invalid('metadata')],
  ['metadata that is a list', credit(',"metadata":[]'), invalid('metadata')],
  [
    'metadata of 17 names',
    credit(`,"metadata":{${Array.from({ length: 17 }, (_, i) => `"k${i}":1`)}}`),
    invalid('metadata'),
  ],
  ['metadata of 3 KB', credit(`,"metadata":{"a":"${'m'.repeat(3_000)}"}`), invalid('metadata')],
  [
    'metadata that grows when written',
    credit(`,"metadata":{"a":[${Array(400).fill('1E20')}]}`),
    invalid('metadata'),
  ],
  ['metadata 1,000 levels deep', credit(`,"metadata":{"a":${nested(1_000)}}`), invalid('metadata')],
]

const commandOf =
  (group: string, otherwise: RequestInput['gives']) =>
  ([name, body, gives = otherwise]: Row): RequestInput => ({
    name: `command, ${group}: ${name}`,
    subject: 'customer.credit',
    body,
    gives,
  })

const withHeader = (name: string, gives: RequestInput['gives'], ...lines: string[]): RequestInput => ({
  name: `command, header: ${name}`,
  subject: 'customer.credit',
  body: credit(''),
  header: headerBlock(...lines),
  gives,
})

const HEADERS: readonly RequestInput[] = [
  withHeader('Nats-Msg-Id', invalid('Nats-Msg-Id'), 'Nats-Msg-Id: order-1'),
  withHeader('nats-msg-id in small letters', invalid('nats-msg-id'), 'nats-msg-id: order-1'),
  withHeader('a name with a blank', done(), 'bad name: x'),
  withHeader('no colon', done(), 'nothing here'),
  withHeader('a lone CR', done(), 'A: x\ry'),
  withHeader('2,000 of them', done(), ...Array.from({ length: 2_000 }, (_, i) => `H${i}: ${i}`)),
  withHeader('a service error', done(), 'Nats-Service-Error-Code: 500'),
]

const request = (
  name: string,
  subject: string,
  body: string,
  gives: RequestInput['gives'],
): RequestInput => ({ name: `command: ${name}`, subject: `customer.${subject}`, body, gives })

const batch = (mode: string, ...commands: string[]): string =>
  `{"mode":"${mode}","commands":[${commands.join(',')}]}`
const one = (rest = ''): string => `{"type":"credit","client_id":"hb","amount":1${rest}}`

const OTHERS: readonly RequestInput[] = [
  request(
    'a debit of an empty account',
    'debit',
    '{"client_id":"poor","amount":1}',
    error('INSUFFICIENT_FUNDS'),
  ),
  request('a transfer to oneself', 'transfer', '{"from":"hc","to":"hc","amount":1}', invalid('to')),
  request(
    'a transfer with __proto__',
    'transfer',
    '{"from":"hc","amount":1,"__proto__":{"to":"hd"}}',
    invalid('to'),
  ),
  request(
    'a transfer with a client_id',
    'transfer',
    '{"from":"hc","to":"hd","amount":1,"client_id":"hc"}',
    invalid('client_id'),
  ),
  request('a reversal of nothing', 'reverse', '{}', invalid('transaction_id')),
  request('a reversal of what is not there', 'reverse', '{"transaction_id":"never"}', error('NOT_FOUND')),
  request(
    'a reversal of an id of 129 characters',
    'reverse',
    `{"transaction_id":"${'i'.repeat(129)}"}`,
    invalid('transaction_id'),
  ),
  request(
    'a reversal of a customer',
    'reverse',
    '{"transaction_id":"never","client_id":"hc"}',
    invalid('client_id'),
  ),
  request('a reversal of 0', 'reverse', '{"transaction_id":"never","amount":0}', invalid('amount')),
  request(
    'a reversal whose id is in __proto__',
    'reverse',
    '{"transaction_id":"never","__proto__":{"reversal_id":"r"}}',
    invalid('__proto__'),
  ),
  request('a dry run', 'credit', credit(',"dry_run":true'), done('"dry_run":true')),
  request('a dry run as text', 'credit', credit(',"dry_run":"true"'), invalid('dry_run')),
  request('a dry run twice', 'credit', credit(',"dry_run":true,"dry_run":false'), invalid('dry_run')),
  request('a dry run in __proto__', 'credit', credit(',"__proto__":{"dry_run":true}'), invalid('__proto__')),
  request('a batch of no mode', 'batch', '{"commands":[]}', invalid('mode')),
  request('a batch of none', 'batch', batch('each'), invalid('commands')),
  request(
    'a batch of 1,001',
    'batch',
    batch('each', ...Array<string>(1_001).fill(one())),
    invalid('commands'),
  ),
  request(
    'a batch whose commands are no list',
    'batch',
    '{"mode":"all","commands":{"0":1,"length":1}}',
    invalid('commands'),
  ),
  request(
    'a batch with an unknown field',
    'batch',
    `{"mode":"each","commands":[${one()}],"Mode":"all"}`,
    invalid('Mode'),
  ),
  request(
    'a batch with two modes',
    'batch',
    `{"mode":"each","mode":"all","commands":[${one()}]}`,
    invalid('mode'),
  ),
  request(
    'a batch with __proto__',
    'batch',
    `{"mode":"each","__proto__":{"commands":[${one()}]}}`,
    invalid('commands'),
  ),
  request(
    'one bad member of each',
    'batch',
    batch('each', one(), one(',"__proto__":{"transaction_id":"x\\ny"}')),
    done('"balance"', 'INVALID_REQUEST'),
  ),
  request(
    'one bad member of all',
    'batch',
    batch('all', one(), one(',"transactionId":"x"')),
    invalid('transactionId', '"index":1'),
  ),
  request('a member without a type', 'batch', batch('all', '{"client_id":"hb","amount":1}'), invalid('type')),
  request(
    'a member of the type constructor',
    'batch',
    batch('all', '{"type":"constructor","client_id":"hb","amount":1}'),
    invalid('type'),
  ),
  request('a member that is null', 'batch', batch('all', 'null'), invalid()),
  request(
    'a duplicate within a member',
    'batch',
    batch('each', one(), one(',"amount":2')),
    done('"balance"', 'INVALID_REQUEST', 'amount'),
  ),
  request(
    'a duplicate within a member of all',
    'batch',
    batch('all', one(), one(',"amount":2')),
    invalid('amount', '"index":1'),
  ),
  request(
    'a transaction that nobody knows',
    'transaction',
    '{"transaction_id":"never-seen"}',
    done('unknown'),
  ),
  request(
    'a transaction with two ids',
    'transaction',
    '{"transaction_id":"a","transaction_id":"b"}',
    invalid('transaction_id'),
  ),
  request(
    'a transaction with a line break',
    'transaction',
    '{"transaction_id":"a\\nb"}',
    invalid('transaction_id'),
  ),
  request(
    'a transaction in __proto__',
    'transaction',
    '{"__proto__":{"transaction_id":"a"}}',
    invalid('transaction_id'),
  ),
  request(
    'a transaction with an unknown field',
    'transaction',
    '{"transaction_id":"a","client_id":"b"}',
    invalid('client_id'),
  ),
]

export const COMMANDS: readonly RequestInput[] = [
  ...FIELDS.map(commandOf('field', invalid())),
  ...NUMBERS.map(commandOf('number', BAD_AMOUNT)),
  ...NOT_JSON.map(commandOf('not JSON', invalid())),
  ...VALUES.map(commandOf('value', invalid())),
  ...HEADERS,
  ...OTHERS,
]
