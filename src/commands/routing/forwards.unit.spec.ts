import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { movement } from '../../../test/support/coordinators.js'
import { E } from '../../fp.js'
import { failed, type Outcome, replyOf } from '../outcome.js'
import { Forwards } from './forwards.js'
import { decodeRequest, type ForwardedItem } from './messages.js'
import type { Peer } from './roster.js'

const ME = 'm'.repeat(22)
const PEER: Peer = { id: 'p'.repeat(22), since: 1, tick: 77, is_leaving: false }
const OTHER: Peer = { ...PEER, id: 'q'.repeat(22) }

const itemOf = (mode: ForwardedItem['mode'], ...ids: readonly string[]): ForwardedItem => ({
  mode,
  commands: ids.map(id => ({ command: movement('credit', 'a', 1, id), has_given_id: false })),
})

const doneOf = (id: string): Outcome => {
  const command = movement('credit', 'a', 1, id)
  const reply = replyOf(command, [{ client_id: command.client_id, balance: 1n, version: 1, seq: 1 }])
  return { tag: 'done', reply, replayed: false }
}
const HERE = failed('CONFLICT', { where: 'here' })

afterEach(() => vi.useRealTimers())

const start = (commands_max = 10_000, max_payload = 1_048_576) => {
  const sent: { subject: string; reply: string | undefined; first: number; items: number }[] = []
  const asked: (readonly number[])[] = []
  const ended: Record<string, readonly Outcome[]> = {}
  const forwards = new Forwards({
    nc: {
      isClosed: () => false,
      publish: (subject, body, options) => {
        const request = decodeRequest(new TextEncoder().encode(String(body)))
        if (E.isLeft(request)) throw new Error('it is nothing that an instance understands')
        if (request.right.tag === 'question') {
          asked.push(request.right.asks)
          return
        }
        const { first, items } = request.right
        sent.push({ subject, reply: options?.reply, first, items: items.length })
      },
    },
    id: ME,
    commands_max,
    answer_ms_max: 17_000,
    max_payload: () => max_payload,
    takeBack: async item => item.commands.map(() => HERE),
  })
  const send = (item: ForwardedItem, peer = PEER): boolean =>
    forwards.send(peer, item, outcomes => {
      for (const { command } of item.commands) ended[command.transaction_id] = outcomes
    })
  return { forwards, send, sent, asked, ended }
}

it('sends what comes in one turn in one message, and each number once', async () => {
  const { send, sent } = start()
  for (const n of [1, 2, 3]) send(itemOf('one', `${n}`))
  send(itemOf('each', '4', '5'))
  expect(sent).toEqual([])
  await turn()
  send(itemOf('one', '6'), OTHER)
  send(itemOf('one', '7'))
  await turn()
  const subject = `customer.instance.${PEER.id}.commands`
  const reply = `customer.instance.${ME}.answers.${PEER.id}`
  expect(sent).toEqual([
    { subject, reply, first: 1, items: 4 },
    {
      subject: `customer.instance.${OTHER.id}.commands`,
      reply: `customer.instance.${ME}.answers.${OTHER.id}`,
      first: 5,
      items: 1,
    },
    { subject, reply, first: 6, items: 1 },
  ])
})

it('sends several messages when one would be too large, and leaves alone what is too large by itself', async () => {
  const { send, sent } = start(10_000, 4_000)
  for (let n = 0; n < 40; n += 1) expect(send(itemOf('one', `${n}`))).toBe(true)
  expect(send(itemOf('each', ...Array.from({ length: 40 }, (_, n) => `e${n}`)))).toBe(false)
  await turn()
  expect(sent.length).toBeGreaterThan(1)
  expect(sent.reduce((sum, { items }) => sum + items, 0)).toBe(40)

  const many = start()
  for (let n = 0; n < 1_001; n += 1) many.send(itemOf('one', `${n}`))
  await turn()
  expect(many.sent.map(({ items }) => items)).toEqual([1_000, 1])
})

it('takes the answers of the instance that has the commands, and of no other one', async () => {
  const { forwards, send, ended } = start()
  send(itemOf('one', '1'))
  send(itemOf('each', '2', '3'))
  forwards.answer(OTHER.id, { answers: [[1, [doneOf('1')]]], missing: [2] })
  await turn()
  expect(ended).toEqual({})
  forwards.answer(PEER.id, {
    answers: [
      [1, [doneOf('1')]],
      [2, [doneOf('2'), failed('BUSY')]],
    ],
    missing: [9],
  })
  expect(ended).toEqual({
    1: [doneOf('1')],
    2: [doneOf('2'), failed('BUSY')],
    3: [doneOf('2'), failed('BUSY')],
  })
  forwards.answer(PEER.id, { answers: [[1, [doneOf('1')]]], missing: [1] })
})

it.each<[string, ForwardedItem, readonly Outcome[] | undefined]>([
  ['cannot be read', itemOf('one', '1'), undefined],
  ['is about another command', itemOf('one', '1'), [doneOf('2')]],
  ['has too few outcomes', itemOf('each', '1', '2'), [doneOf('1')]],
  ['has none', itemOf('one', '1'), []],
  ['carries out a part of a whole', itemOf('all', '1', '2'), [doneOf('1'), failed('BUSY')]],
])('decides the commands here after all when an answer %s', async (_, item, outcomes) => {
  const { forwards, send, ended } = start()
  send(item)
  forwards.answer(PEER.id, { answers: [[1, outcomes]], missing: [] })
  await turn()
  expect(ended[1]).toEqual(item.commands.map(() => HERE))
})

it('decides here what the instance has that is lost, or that says it has not got it', async () => {
  const { forwards, send, ended } = start()
  send(itemOf('one', '1'))
  send(itemOf('one', '2'), OTHER)
  send(itemOf('all', '3', '4'))
  forwards.answer(PEER.id, { answers: [], missing: [3] })
  await turn()
  expect(Object.keys(ended)).toEqual(['3', '4'])
  forwards.lose(PEER.id)
  await turn()
  expect(ended[1]).toEqual([HERE])
  expect(ended[2]).toBeUndefined()
})

it('decides here what an instance has that says nothing when it is asked, though it gives signs of life', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  const { forwards, send, asked, ended } = start()
  send(itemOf('one', '1'))
  await turn()
  vi.advanceTimersByTime(500)
  expect(asked).toEqual([])
  vi.advanceTimersByTime(1_500)
  expect(asked[0]).toEqual([1])
  forwards.answer(PEER.id, { answers: [], missing: [] })
  vi.advanceTimersByTime(1_500)
  await turn()
  expect(ended).toEqual({})
  vi.advanceTimersByTime(1_000)
  await turn()
  expect(ended).toEqual({ 1: [HERE] })
})

it('is busy while too many commands are open', async () => {
  const { forwards, send, ended } = start(2)
  send(itemOf('each', '1', '2'))
  expect(send(itemOf('one', '3'))).toBe(true)
  expect(ended[3]).toEqual([failed('BUSY', { transaction_id: '3' })])
  forwards.answer(PEER.id, { answers: [[1, [doneOf('1'), doneOf('2')]]], missing: [] })
  send(itemOf('one', '4'))
  expect(ended[4]).toBeUndefined()
  let is_idle = false
  void forwards.idle().then(() => {
    is_idle = true
  })
  await turn()
  expect(is_idle).toBe(false)
  forwards.answer(PEER.id, { answers: [], missing: [2] })
  await forwards.idle()
  expect(ended[4]).toEqual([HERE])
})
