import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { movement, transfer } from '../../../test/support/coordinators.js'
import { E } from '../../fp.js'
import type { AskedCommand } from '../../ledger/command.js'
import { amount as amountOf, clientId } from '../../ledger/testing/arbitrary.js'
import { errorJson, replyJson } from '../endpoints/command-body.js'
import { failed, type Outcome } from '../outcome.js'
import {
  decodeAnswers,
  decodeRequest,
  decodeSign,
  encodeAnswers,
  encodeCommand,
  encodeQuestion,
  encodeSign,
  type ForwardedItem,
  ForwardText,
  senderOf,
} from './messages.js'

const ID = 'abcdefghijklmnopqrstuv'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const HEAD = { from: ID, tick: 1, first: 5 }

const forwardOf = (items: readonly ForwardedItem[], head = HEAD): Uint8Array => {
  const text = new ForwardText()
  for (const { mode, commands } of items) text.add(mode, commands.map(encodeCommand), 1)
  return bytes(text.text(head))
}

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_:@-]{0,20}$/)
const transaction_id = fc.oneof(fc.uuid(), fc.constantFrom('o"r\\d', 'a:b'))
const amount = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })
const command: fc.Arbitrary<AskedCommand> = fc
  .record({
    type: fc.constantFrom('credit', 'debit', 'transfer'),
    one: id,
    amount,
    transaction_id,
    reference: fc.option(fc.constantFrom('', 'a\nb', 'π', '"'), { nil: undefined }),
    metadata: fc.option(
      fc.constantFrom<Record<string, unknown>>(
        { a: [1, { b: null }] },
        {},
        { 'line\n': 'x\ny', n: 0.1 },
        JSON.parse('{"__proto__":{"x":1}}') as Record<string, unknown>,
      ),
      { nil: undefined },
    ),
    by: fc.option(fc.constantFrom('token:shop', 'oidc:"\\'), { nil: undefined }),
  })
  .map(({ type, one, amount: n, transaction_id: t, reference, metadata, by }) => {
    const bare = type === 'transfer' ? transfer(one, `${one}x`, n, t) : movement(type as 'credit', one, n, t)
    return { ...bare, reference, metadata, by }
  })
const reverse = fc
  .record({
    reverses: transaction_id,
    transaction_id,
    part: fc.option(amount, { nil: undefined }),
    by: fc.constantFrom(undefined, 'token:shop'),
  })
  .map(
    ({ part, ...rest }): AskedCommand => ({
      ...{ type: 'reverse', reference: 'r', metadata: { a: 1 }, ...rest },
      ...(part === undefined ? {} : { amount: amountOf(part) }),
    }),
  )
const submitted = fc.record({
  command: fc.oneof({ weight: 4, arbitrary: command }, { weight: 1, arbitrary: reverse }),
  has_given_id: fc.boolean(),
})
const item: fc.Arbitrary<ForwardedItem> = fc.oneof(
  submitted.map((one): ForwardedItem => ({ mode: 'one', commands: [one] })),
  fc
    .array(submitted, { minLength: 1, maxLength: 5 })
    .map((commands): ForwardedItem => ({ mode: 'each', commands })),
  fc
    .array(submitted, { minLength: 1, maxLength: 5 })
    .map((commands): ForwardedItem => ({ mode: 'all', commands })),
)

describe('a forward', () => {
  it('is read as it was written, whatever the commands hold', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 20 }), items => {
        expect(decodeRequest(forwardOf(items))).toEqual(E.right({ tag: 'forward', ...HEAD, items }))
      }),
    )
  })

  it('keeps metadata that is nested as deep as a request may have it', () => {
    let metadata: Record<string, unknown> = {}
    for (let depth = 2; depth < 32; depth += 1) metadata = { a: metadata }
    const deep = { ...movement('credit', 'a', 1, 't'), metadata, reference: undefined }
    const items: ForwardedItem[] = [{ mode: 'one', commands: [{ command: deep, has_given_id: true }] }]
    expect(decodeRequest(forwardOf(items))).toEqual(E.right({ tag: 'forward', ...HEAD, items }))
  })

  it('loses only the item that cannot be read', () => {
    const lines = [
      'c+{"client_id":"a","amount":1,"transaction_id":"1"}',
      'c+{"client_id":"a","amount":0,"transaction_id":"2"}',
      'x+{"client_id":"a","amount":1,"transaction_id":"3"}',
      'c?{"client_id":"a","amount":1,"transaction_id":"4"}',
      'd-{"client_id":"a","amount":1}',
      'd-{"client_id":"a","amount":1,"amount":2,"transaction_id":"5"}',
      't-{"from":"a","to":"a","amount":1,"transaction_id":"6"}',
      'd-{"client_id":"a","amount":1,"transaction_id":"7","is_admin":true}',
      't-{"from":"a","to":"b","amount":1,"transaction_id":"8"}',
    ]
    const read = decodeRequest(
      bytes(`{"from":"${ID}","tick":1,"first":5,"runs":[["one",9]]}\n${lines.join('\n')}`),
    )
    const items = E.isRight(read) && read.right.tag === 'forward' ? read.right.items : []
    expect(items.map(one => one?.commands[0]?.command.transaction_id)).toEqual([
      '1',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      '8',
    ])
  })

  it.each([
    ['no JSON', 'from you\nc+{}'],
    ['an id that is no token', `{"from":"a.>","tick":1,"first":5,"runs":[["one",1]]}\nc+{}`],
    ['more lines than it names', `{"from":"${ID}","tick":1,"first":5,"runs":[["one",1]]}\nc+{}\nc+{}`],
    ['fewer lines', `{"from":"${ID}","tick":1,"first":5,"runs":[["all",3]]}\nc+{}\nc+{}`],
    ['an empty run', `{"from":"${ID}","tick":1,"first":5,"runs":[["all",0],["one",1]]}\nc+{}`],
    ['an unknown field', `{"from":"${ID}","tick":1,"first":5,"runs":[["one",1]],"a":1}\nc+{}`],
    ['an unknown mode', `{"from":"${ID}","tick":1,"first":5,"runs":[["two",1]]}\nc+{}`],
    [
      'too many commands',
      `{"from":"${ID}","tick":1,"first":5,"runs":[["one",1001]]}${'\nc+{}'.repeat(1_001)}`,
    ],
    ['a question with a negative number', `{"from":"${ID}","asks":[-1]}`],
    ['a long question', `{"from":"${ID}","asks":[${Array(1_001).fill(1)}]}`],
  ])('is refused: %s', (_, text) => {
    expect(E.isLeft(decodeRequest(bytes(text)))).toBe(true)
  })

  it('is refused when it is not UTF-8', () => {
    expect(E.isLeft(decodeRequest(new Uint8Array([0x7b, 0xff, 0x7d])))).toBe(true)
  })
})

it('a question is read as it was written', () => {
  const question = { from: ID, asks: [1, 2, 900] }
  expect(decodeRequest(bytes(encodeQuestion(question)))).toEqual(E.right({ tag: 'question', ...question }))
})

describe('answers', () => {
  const position = { client_id: clientId('a'), balance: 2n ** 60n, version: 3, seq: 9 }
  const other = { client_id: clientId('b'), balance: -1n, version: 1, seq: 10 }
  const outcomes: readonly Outcome[] = [
    { tag: 'done', reply: { transaction_id: 'o"1', ...position }, replayed: false },
    { tag: 'done', reply: { transaction_id: '2', from: position, to: other }, replayed: true },
    {
      tag: 'done',
      reply: {
        ...{ transaction_id: '3:reversal:1', reverses: '3', amount: 5n },
        from: { ...position, available: 2n ** 63n, held: 5n },
        to: { ...other, available: -3n, held: 0n },
      },
      replayed: false,
    },
    {
      tag: 'done',
      reply: {
        transaction_id: '4',
        ...position,
        available: 1n,
        held: 2n,
        expires_at: '2027-01-01T00:00:00.000Z',
      },
      replayed: false,
    },
    failed('HOLD_EXCEEDED', { message: 'no', balance: 3n, available: 2n, held: 1n, remaining: 2n ** 61n }),
    failed('INSUFFICIENT_FUNDS', { message: 'no', client_id: 'a', balance: 2n ** 60n, amount: 7n, index: 3 }),
    failed('BUSY', { message: 'full', transaction_id: 'x' }),
  ]
  const jsonOf = (outcome: Outcome): string =>
    outcome.tag === 'done' ? replyJson(outcome.reply, outcome.replayed) : errorJson(outcome)

  it('are read as they were written', () => {
    const text = encodeAnswers([[7, outcomes.map(jsonOf).join(',')]], [1, 8])
    expect(decodeAnswers(bytes(text))).toEqual(E.right({ answers: [[7, outcomes]], missing: [1, 8] }))
  })

  it.each([
    '{"transaction_id":"1","client_id":"a","balance":1,"version":1}',
    '{"transaction_id":"1","client_id":"a","balance":1.5,"version":1,"seq":1}',
    '{"transaction_id":"1","client_id":"a","balance":1,"version":1,"seq":1,"replayed":false}',
    '{"transaction_id":"1","client_id":"a","balance":1,"version":1,"seq":1,"admin":1}',
    '{"transaction_id":"1","from":{"client_id":"a","balance":1,"version":1,"seq":1}}',
    '{"error":{"code":"toString"}}',
    '{"error":{"code":"BUSY"},"transaction_id":"1"}',
    '{"error":{"code":"INSUFFICIENT_FUNDS","balance":"much"}}',
    '7',
  ])('with an outcome that is none have no outcomes: %s', text => {
    expect(decodeAnswers(bytes(`{"answers":[[7,[${text}]]],"missing":[]}`))).toEqual(
      E.right({ answers: [[7, undefined]], missing: [] }),
    )
  })

  it.each(['{}', '[]', 'x', '{"answers":[[1]],"missing":[]}', '{"answers":[],"missing":["1"]}'])(
    'are refused: %s',
    text => expect(E.isLeft(decodeAnswers(bytes(text)))).toBe(true),
  )
})

describe('a sign', () => {
  it('is read as it was written, and one of another protocol is not read', () => {
    const sign = { since: 1_764_201_600_000, tick: 81_734, state: 'leaving' } as const
    expect(decodeSign(bytes(encodeSign(sign)))).toMatchObject(E.right(sign))
    expect(E.isLeft(decodeSign(bytes(encodeSign(sign).replace('"protocol":1', '"protocol":2'))))).toBe(true)
  })

  it('is from the instance whose id is in the subject', () => {
    expect(senderOf(`customer.instance.${ID}.sign`, 'sign')).toBe(ID)
    expect(senderOf(`customer.instance.${'b'.repeat(22)}.answers.${ID}`, 'answer')).toBe(ID)
    expect(senderOf('customer.instance.me.sign', 'sign')).toBeUndefined()
  })
})
