/** `customer.batch`: many commands in one request. */

import type { Msg } from 'nats'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { lastSeq, movement, storedFrom } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { type Service, startService } from '../../service/service.js'
import { createCoordinator, createTaker } from '../compose.js'
import type { Coordinator } from '../group-commit/coordinator.js'
import { commandEndpoints } from './movements.js'

let ledger: TestLedger
/** Two instances; a request goes to the one that its subject names. */
const coordinators: Coordinator[] = []
const services: Service[] = []
let begin_seq = 0
/** Makes customers and ids of each test its own. */
let test = 0

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  for (const name of ['one', 'two']) {
    const coordinator = createCoordinator(ledger, { queue_max: 10_000, timeout_ms: 10_000 })
    coordinators.push(coordinator)
    const endpoints = commandEndpoints(
      createTaker(ledger, coordinator, undefined, { timeout_ms: 3_000 }),
      ledger,
      { max_in_flight: 1_000, timeout_ms: 60_000 },
    )
    services.push(
      await startService(ledger.nc, {
        name: 'customer',
        version: '0.0.1',
        description: 'customer service',
        log: ledger.log,
        endpoints: endpoints.map(endpoint => ({ ...endpoint, subject: `${name}.${endpoint.subject}` })),
      }),
    )
  }
})
beforeEach(async () => {
  begin_seq = (await lastSeq(ledger.jsm)) + 1
  test += 1
})
afterAll(async () => {
  await Promise.all(services.map(service => service.stop()))
  await Promise.all(coordinators.map(coordinator => coordinator.stop()))
  await ledger.stop()
})

type Fields = Readonly<Record<string, unknown>>
type Result = { readonly error?: Fields } & Fields

const ask = async (mode: unknown, commands: unknown, instance = 'one'): Promise<Msg> =>
  ledger.nc.request(`${instance}.customer.batch`, JSON.stringify({ mode, commands }), { timeout: 30_000 })
const resultsOf = (reply: Msg): Result[] => {
  const { results } = reply.json<{ results?: Result[] }>()
  if (results === undefined) throw new Error(reply.string())
  return results
}
const codesOf = (reply: Msg): unknown[] => resultsOf(reply).map(({ error }) => error?.code ?? 'done')
const errorOf = (reply: Msg): Fields => reply.json<{ error: Fields }>().error

const named = (name: string): string => `${name}-${test}`
const credit = (name: string, amount: number, id?: string): Fields => ({
  type: 'credit',
  client_id: named(name),
  amount,
  ...(id === undefined ? {} : { transaction_id: named(id) }),
})
const debit = (name: string, amount: number, id?: string): Fields => ({
  ...credit(name, amount, id),
  type: 'debit',
})
const move = (from: string, to: string, amount: number, id?: string): Fields => ({
  type: 'transfer',
  from: named(from),
  to: named(to),
  amount,
  ...(id === undefined ? {} : { transaction_id: named(id) }),
})
const stored = () => storedFrom(ledger.jsm, begin_seq)
const two = (): Coordinator => coordinators[1] as Coordinator

describe.each(['each', 'all'])('a batch in the mode %s', mode => {
  it('is decided in order, each command on what the ones before it left, with a result for each', async () => {
    const commands = [credit('a', 10, 'i1'), debit('a', 4), move('a', 'b', 6, 'i2'), debit('b', 6)]
    const given = mode === 'all' ? commands.map(({ transaction_id: _, ...rest }) => rest) : commands
    const results = resultsOf(await ask(mode, given))
    expect(results).toMatchObject([
      { client_id: named('a'), balance: 10, version: 1 },
      { client_id: named('a'), balance: 6, version: 2 },
      { from: { client_id: named('a'), balance: 0 }, to: { client_id: named('b'), balance: 6 } },
      { client_id: named('b'), balance: 0, version: 2 },
    ])
    expect((await stored()).length).toBe(5)
  })

  it.each<[string, unknown, unknown, string]>([
    ['no list', mode, { type: 'credit' }, 'commands: must be a list of 1 to 1000'],
    ['nothing', mode, [], 'commands: must be a list of 1 to 1000'],
    ['too many', mode, Array(1_001).fill({}), 'commands: must be a list of 1 to 1000'],
    ['another mode', 'some', [{}], 'mode: must be "each" or "all"'],
  ])('is refused with %s', async (_, asked, commands, text) => {
    const error = errorOf(await ask(asked, commands))
    expect(error.code).toBe('INVALID_REQUEST')
    expect(error.message).toContain(text)
  })

  it('sent again, here or to another instance, has one effect and the same results', async () => {
    const commands = [credit('a', 10, 'i1'), move('a', 'b', 4, 'i2'), debit('b', 1, 'i3')]
    const first = resultsOf(await ask(mode, commands))
    for (const instance of ['one', 'two']) {
      const again = resultsOf(await ask(mode, commands, instance))
      expect(again).toEqual(first.map(result => ({ ...result, replayed: true })))
    }
    expect((await stored()).map(({ msg_id }) => msg_id)).toEqual(
      ['i1', 'i2', 'i2:credit', 'i3'].map(id => {
        const [bare = '', leg] = id.split(':')
        return leg === undefined ? named(bare) : `${named(bare)}:${leg}`
      }),
    )
  })

  it('sent 20 times at once through two instances has one effect', async () => {
    const commands = Array.from({ length: 5 }, (_, i) => credit('a', i + 1, `i${i}`))
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ask(mode, commands, i % 2 ? 'one' : 'two')),
    )
    const plain = replies.map(reply => resultsOf(reply).map(({ replayed: _, ...rest }) => rest))
    for (const results of plain) expect(results).toEqual(plain[0])
    expect(await stored()).toHaveLength(5)
  })

  it('of the largest commands has a reply that can be sent', async () => {
    const pad = (text: string, length: number): string => text.padEnd(length, 'x')
    const commands = Array.from({ length: 500 }, (_, i) => ({
      type: 'transfer',
      from: pad(`${test}-f${i}-`, 64),
      to: pad(`${test}-t${i}-`, 64),
      amount: '9223372036854775807',
      transaction_id: pad(`${test}-${i}-`, 128),
    }))
    const funds = commands.map(({ from, amount }) => ({ type: 'credit', client_id: from, amount }))
    expect(new Set(codesOf(await ask(mode, funds)))).toEqual(new Set(['done']))
    expect(new Set(codesOf(await ask(mode, commands)))).toEqual(new Set(['done']))
  })
})

describe('a batch in the mode each', () => {
  it('takes what is acceptable, and says of the rest what is wrong with it', async () => {
    const reply = await ask('each', [
      credit('a', 10),
      debit('a', 11),
      { type: 'gift' },
      'text',
      credit('a', 0),
      debit('a', 10),
    ])
    const INVALID = 'INVALID_REQUEST'
    expect(codesOf(reply)).toEqual(['done', 'INSUFFICIENT_FUNDS', INVALID, INVALID, INVALID, 'done'])
    const results = resultsOf(reply)
    expect(results[1]?.error).toMatchObject({ client_id: named('a'), balance: 10, amount: 11 })
    expect(results[2]?.error?.message).toContain('type: must be')
    expect(results[4]?.error?.message).toContain('amount: must be')
  })

  it('refuses a command whose JSON or fields are odd alone, and takes the others', async () => {
    const [a, b] = [named('a'), named('b')]
    const commands = [
      `{"type":"credit","client_id":"${a}","amount":5}`,
      `{"type":"credit","client_id":"${b}","amount":1,"amount":2}`,
      `{"type":"credit","client_id":"${b}","amount":0.99999999999999999999}`,
      `{"type":"credit","client_id":"${b}","amount":1,"transactionId":"x"}`,
      `{"type":"credit","client_id":"${b}","amount":1,"__proto__":{"transaction_id":"x\\ny"}}`,
      `{"type":"credit","client_id":"${a}","amount":6}`,
    ]
    const batch = (mode: string, rest = '') => `{"mode":"${mode}","commands":[${commands.join(',')}]${rest}}`
    const send = (body: string) => ledger.nc.request('one.customer.batch', body, { timeout: 30_000 })
    const results = resultsOf(await send(batch('each')))
    expect(results.map(({ error }) => error?.message ?? 'done')).toEqual([
      'done',
      'amount: is there twice',
      expect.stringContaining('amount: 0.9999'),
      'transactionId: is no field of this request',
      '__proto__: is no field of this request',
      'done',
    ])
    expect(await stored()).toHaveLength(2)
    expect(errorOf(await send(batch('all')))).toMatchObject({ code: 'INVALID_REQUEST', index: 1 })
    for (const rest of [',"transaction_id":"x"', ',"mode":"each"', ',"__proto__":{}']) {
      expect(errorOf(await send(batch('each', rest)))).toMatchObject({ code: 'INVALID_REQUEST' })
    }
    expect(await stored()).toHaveLength(2)
  })

  it('splits what one atomic batch cannot hold: 1,000 transfers are 2,000 events', async () => {
    await ask('each', [credit('a', 1_000)])
    const reply = await ask(
      'each',
      Array.from({ length: 1_000 }, (_, i) => move('a', `b${i % 50}`, 1)),
    )
    expect(new Set(codesOf(reply))).toEqual(new Set(['done']))
    expect(resultsOf(reply).at(-1)).toMatchObject({ from: { balance: 0 } })
  })

  it('that does not fit into the queue is BUSY as a whole', async () => {
    const batch = () =>
      ask(
        'each',
        Array.from({ length: 1_000 }, (_, i) => credit(`a${i}`, 1)),
      )
    const replies = await Promise.all(Array.from({ length: 14 }, batch))
    const codes = replies.map(reply => reply.json<{ error?: Fields }>().error?.code ?? 'taken')
    expect(new Set(codes)).toEqual(new Set(['taken', 'BUSY']))
    const taken = codes.filter(code => code === 'taken').length
    expect(await lastSeq(ledger.jsm)).toBe(begin_seq - 1 + 1_000 * taken)
  })

  it('answers a command whose id was used earlier in the batch as a repetition', async () => {
    const [first, second, third] = resultsOf(
      await ask('each', [credit('a', 10, 'i'), credit('a', 10, 'i'), credit('a', 11, 'i')]),
    )
    expect(second).toEqual({ ...first, replayed: true })
    expect(third?.error).toMatchObject({ code: 'TRANSACTION_ID_REUSED', field: 'amount' })
    expect(await stored()).toHaveLength(1)
  })
})

describe('a batch in the mode all', () => {
  it('is one atomic batch: neighbours in the stream', async () => {
    const results = resultsOf(await ask('all', [credit('a', 5), credit('b', 6), move('a', 'b', 5)]))
    expect(results).toMatchObject([
      { seq: begin_seq },
      { seq: begin_seq + 1 },
      { from: { seq: begin_seq + 2 }, to: { seq: begin_seq + 3 } },
    ])
  })

  it('is nothing at all when one command is refused, and says which one', async () => {
    for (const id of [undefined, 'i']) {
      const idOf = (i: number) => (id === undefined ? undefined : id + i)
      const reply = await ask('all', [
        credit('a', 5, idOf(0)),
        debit('a', 6, idOf(1)),
        credit('b', 1, idOf(2)),
      ])
      expect(errorOf(reply)).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        index: 1,
        client_id: named('a'),
        balance: 5,
        amount: 6,
      })
    }
    expect(await stored()).toEqual([])
    // nothing is frozen either: with the funds there, the same request is carried out
    await ask('all', [credit('a', 1)])
    const again = [credit('a', 5, 'i0'), debit('a', 6, 'i1'), credit('b', 1, 'i2')]
    expect(codesOf(await ask('all', again))).toEqual(['done', 'done', 'done'])
  })

  it('does not harm the others of its round when it is refused', async () => {
    const [refused, taken] = await Promise.all([
      ask('all', [credit('a', 5), debit('b', 1)]),
      ask('each', [credit('a', 7), debit('a', 7), credit('b', 1)]),
    ])
    expect(errorOf(refused)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', index: 1 })
    expect(codesOf(taken)).toEqual(['done', 'done', 'done'])
    expect((await stored()).map(({ id }) => id)).toEqual([named('a'), named('a'), named('b')])
  })

  it('is not refused on what this instance has not seen yet', async () => {
    await ask('all', [credit('a', 1), credit('b', 1)])
    await two().submit(movement('credit', named('a'), 99), false)
    await two().submit(movement('credit', named('b'), 99), false)
    const reply = await ask('all', [debit('a', 100), move('b', 'c', 100)])
    expect(codesOf(reply)).toEqual(['done', 'done'])
  })

  it('names the first command that is refused, although this instance has not seen why', async () => {
    await ask('all', [credit('a', 100)])
    await two().submit(movement('debit', named('a'), 100), false)
    const reply = await ask('all', [debit('a', 50), debit('b', 5)])
    expect(errorOf(reply)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', index: 0, client_id: named('a') })
  })

  it.each<[string, Fields[], number]>([
    ['an amount that is none', [{ type: 'credit', client_id: 'x', amount: 0 }], 0],
    [
      'an id twice',
      [
        { type: 'credit', client_id: 'x', amount: 1, transaction_id: 'twice' },
        { type: 'debit', client_id: 'x', amount: 1, transaction_id: 'twice' },
      ],
      1,
    ],
    [
      'ids for some of the commands',
      [
        { type: 'credit', client_id: 'x', amount: 1, transaction_id: 'some' },
        { type: 'credit', client_id: 'x', amount: 1 },
      ],
      1,
    ],
    [
      'more events than one atomic batch holds',
      Array.from({ length: 501 }, () => ({ type: 'transfer', from: 'x', to: 'y', amount: 1 })),
      500,
    ],
  ])('is INVALID_REQUEST with %s, and says where', async (_, commands, index) => {
    const error = errorOf(await ask('all', commands))
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', index })
    if (index === 500) expect(error.message).toContain('at most 1000 events')
    expect(await stored()).toEqual([])
  })

  it('of which a part is known already is refused: what is known was another request', async () => {
    await ask('each', [credit('a', 5, 'old'), debit('b', 1, 'no')])
    const before = await stored()
    const half = [credit('c', 1, 'new'), credit('a', 5, 'old')]
    const frozen = [credit('c', 1, 'new'), debit('b', 1, 'no')]
    const other = [credit('c', 1, 'new'), credit('a', 6, 'old')]
    for (const instance of ['one', 'two']) {
      expect(errorOf(await ask('all', half, instance))).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
        field: 'mode',
        index: 1,
      })
      expect(errorOf(await ask('all', frozen, instance))).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        replayed: true,
        index: 1,
      })
      expect(errorOf(await ask('all', other, instance))).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
        field: 'amount',
        index: 1,
      })
    }
    expect(await stored()).toEqual(before)
    // the other id was not used up
    expect(codesOf(await ask('each', [credit('c', 1, 'new')]))).toEqual(['done'])
  })
})
