import { describe, expect, it } from 'vitest'
import { E } from '../../fp.js'
import { Failure } from '../../process/failure.js'
import { csvDecoder, jsonDecoder, type Reading } from './rows.js'

const DIGEST = '0123456789abcdef'
const PLAIN: Reading = { columns: new Map(), ignored: new Set() }
const reading = (more: Partial<Reading>): Reading => ({ ...PLAIN, ...more })

/** What the first row under a heading becomes: the command, or why it is none. */
const rowOf = (heading: string, row: string, how = PLAIN): unknown => {
  const decode = csvDecoder(heading.split(','), DIGEST, how)
  const decoded = decode({ tag: 'fields', fields: row.split(',') }, 7)
  return E.isRight(decoded) ? JSON.parse(decoded.right.json) : decoded.left.message
}
const lineOf = (line: string, how = PLAIN): unknown => {
  const decoded = jsonDecoder(DIGEST, how)({ tag: 'fields', fields: [line] }, 7)
  return E.isRight(decoded) ? JSON.parse(decoded.right.json) : decoded.left.message
}
const ID = { transaction_id: `${DIGEST}:7` }

describe('a row of CSV', () => {
  it.each([
    ['type,client_id,amount', 'credit,a,5', { type: 'credit', client_id: 'a', amount: 5, ...ID }],
    ['amount,type,to,from', '5,transfer,b,a', { type: 'transfer', from: 'a', to: 'b', amount: 5, ...ID }],
    [
      'type,client_id,amount,transaction_id,reference',
      'debit,a,9007199254740993,t1,r',
      { type: 'debit', client_id: 'a', amount: '9007199254740993', transaction_id: 't1', reference: 'r' },
    ],
    [
      'type,client_id,amount,metadata.a,metadata.__proto__,asset',
      'credit,a,5,x,y,',
      { type: 'credit', client_id: 'a', amount: 5, ...ID, metadata: JSON.parse('{"a":"x","__proto__":"y"}') },
    ],
    [
      'type,client_id,amount,asset',
      'credit,a,5,EUR',
      { type: 'credit', client_id: 'a', asset: 'EUR', amount: 5, ...ID },
    ],
    [
      'type,from,to,amount,asset',
      'transfer,a,b,5,EUR',
      { type: 'transfer', from: 'a', to: 'b', asset: 'EUR', amount: 5, ...ID },
    ],
  ])('%s / %s is a command', (heading, row, command) => {
    expect(rowOf(heading, row)).toEqual(command)
  })

  it.each([
    ['credit,a', 'the row has 2 fields, and the heading 4'],
    ['gift,a,5,', 'type: must be'],
    ['credit,,5,', 'client_id: is missing'],
    ['credit,a,,', 'amount: is missing'],
    ['credit,a,1.5,', 'amount: must be a whole number'],
    ['credit,a,0,', 'amount: must be a whole number'],
    ['credit,a,007,', 'amount: must be a whole number'],
    ['credit,a,5,eur', 'asset: must be 1 to 16 characters of A-Z 0-9'],
    ['transfer,a,5,', 'from: is missing'],
    ['credit,a\ufffd,5,', 'the row is not UTF-8'],
  ])('%s is none, because %s', (row, why) => {
    expect(rowOf('type,client_id,amount,asset', row)).toContain(why)
  })

  it('may have other names of columns, ignored columns, and no type', () => {
    const how = reading({
      columns: new Map([
        ['client_id', 'account'],
        ['metadata.branch', 'shop'],
      ]),
      ignored: new Set(['note']),
      type: 'credit',
    })
    const command = { type: 'credit', client_id: 'a', amount: 5, ...ID, metadata: { branch: 'x' } }
    expect(rowOf('account,amount,note,shop', 'a,5,n,x', how)).toEqual(command)
    expect(lineOf('{"account":"a","amount":5,"note":1,"metadata":{"branch":"x"}}', how)).toEqual(command)
  })
})

it.each([
  ['client_id,amount', PLAIN, 'type (or say --type)'],
  ['type,amount,from', PLAIN, 'client_id, or from and to'],
  ['type,client_id', PLAIN, 'amount'],
  ['type,client_id,amount,refrence', PLAIN, 'the column refrence is unknown'],
  ['type,client_id,amount,amount', PLAIN, 'two columns hold amount'],
  ['type,client_id,amount', reading({ columns: new Map([['amount', 'cents']]) }), 'no column cents'],
  ['type,client_id,amount,x', reading({ columns: new Map([['gift', 'x']]) }), 'the column x is unknown'],
])('the heading %s is refused: %#', (heading, how, why) => {
  expect(() => csvDecoder(heading.split(','), DIGEST, how)).toThrow(Failure)
  expect(() => csvDecoder(heading.split(','), DIGEST, how)).toThrow(why)
})

describe('a JSON line', () => {
  it('is a command with the same fields', () => {
    const command = { type: 'transfer', from: 'a', to: 'b', amount: 5, metadata: { deep: [1] } }
    expect(lineOf(JSON.stringify(command))).toEqual({ ...command, ...ID })
  })

  it.each([
    ['{"type":"credit"', 'JSON'],
    ['[1]', 'no JSON object'],
    ['{"type":"credit","client_id":"a","amount":5,"amount":6}', 'amount: is there twice'],
    ['{"type":"credit","client_id":"a","amount":5,"refrence":"x"}', 'refrence: is no field'],
    ['{"type":"credit","client_id":"a","amount":9007199254740993}', 'amount'],
  ])('%s is none', (line, why) => {
    expect(lineOf(line)).toContain(why)
  })
})
