import { pino } from 'pino'
import { expect, it } from 'vitest'
import { movement, transfer } from '../../../test/support/coordinators.js'
import type { GroupOrigin } from '../group-commit/group.js'
import type { Submitted } from '../group-commit/ports.js'
import { type Outcome, replyOf } from '../outcome.js'
import { Deciding } from './deciding.js'
import type { ForwardedItem } from './messages.js'

const NOW_MS = 100_000
const FROM = 'f'.repeat(22)
const one = (id: string): ForwardedItem => ({
  mode: 'one',
  commands: [{ command: movement('credit', 'a', 1, id), has_given_id: false }],
})

const doneOf = ({ command }: Submitted): Outcome => {
  if (command.type === 'reverse') throw new Error('no reversal is given on here')
  const [id] = command.type === 'transfer' ? [command.from] : [command.client_id]
  const position = { client_id: id, balance: 1n, version: 1, seq: 1 }
  return { tag: 'done', reply: replyOf(command, [position, position]), replayed: false }
}

/** The part over a coordinator that notes what it is given, and decides it when it is told to. */
const start = (mayDecide = true, max_payload = 1_048_576) => {
  const sent: { subject: string; body: { answers: [number, object[]][]; missing: number[] } }[] = []
  const begun: { submitted: readonly Submitted[]; origin: GroupOrigin | undefined }[] = []
  const waiting: (() => void)[] = []
  const note = (submitted: readonly Submitted[], origin?: GroupOrigin) => begun.push({ submitted, origin })
  const deciding = new Deciding({
    nc: {
      publish: (subject, body) => {
        sent.push({ subject, body: JSON.parse(String(body)) as (typeof sent)[number]['body'] })
      },
    },
    log: pino({ level: 'silent' }),
    id: 'me',
    coordinator: {
      take: (submitted, done, origin) => {
        note([submitted], origin)
        waiting.push(() => done(doneOf(submitted)))
      },
      submitEach: (submitted, origin) => {
        note(submitted, origin)
        return new Promise(resolve => waiting.push(() => resolve(submitted.map(doneOf))))
      },
      submitAll: () => Promise.reject(new Error('it is not whole')),
    },
    mayDecide: () => mayDecide,
    tick: () => NOW_MS,
    max_payload: () => max_payload,
  })
  const forward = (items: readonly (ForwardedItem | undefined)[], age_ms = 0, first = 1) =>
    deciding.handle({ tag: 'forward', from: FROM, tick: NOW_MS - age_ms, first, items })
  const decide = () => {
    for (const each of waiting.splice(0)) each()
  }
  return { deciding, forward, decide, sent, begun }
}

const turn = () => Promise.resolve()

it('decides what others give to it, and answers in one message what is decided in one turn', async () => {
  const { deciding, forward, decide, sent, begun } = start()
  forward([one('1'), one('2')])
  forward([one('3')], 0, 3)
  let is_idle = false
  void deciding.idle().then(() => {
    is_idle = true
  })
  await turn()
  expect(sent).toEqual([])
  expect(is_idle).toBe(false)
  decide()
  await turn()
  expect(sent.map(({ subject }) => subject)).toEqual([`customer.instance.${FROM}.answers.me`])
  expect(sent[0]?.body.missing).toEqual([])
  expect(sent[0]?.body.answers.map(([number]) => number)).toEqual([1, 2, 3])
  expect(new Set(begun.map(({ origin }) => origin))).toEqual(new Set(['forwarded']))
  expect(is_idle).toBe(true)
})

it.each([
  ['that was on its way for too long', 5_001, true],
  ['from a time that is still to come', -1, true],
  ['while it may not decide', 0, false],
])('does not heed a forward %s, and says so', async (_, age_ms, mayDecide) => {
  const { forward, sent, begun } = start(mayDecide)
  forward([one('1'), one('2')], age_ms)
  await turn()
  expect(begun).toEqual([])
  expect(sent.map(({ body }) => body)).toEqual([{ answers: [], missing: [1, 2] }])
})

it('heeds a forward that is as old as a forward may be', () => {
  const { forward, begun } = start()
  forward([one('1')], 5_000)
  expect(begun).toHaveLength(1)
})

it('says of which items it does not know: those that it could not read, has answered, or never got', async () => {
  const { deciding, forward, decide, sent, begun } = start()
  const commands = Array.from({ length: 501 }, (_, n) => ({
    command: transfer('a', 'b', 1, `t${n}`),
    has_given_id: false,
  }))
  forward([one('1'), undefined, { mode: 'all', commands }])
  // the same item comes once more
  forward([one('1')])
  expect(begun).toHaveLength(1)
  deciding.handle({ tag: 'question', from: FROM, asks: [1, 7] })
  deciding.handle({ tag: 'question', from: 'g'.repeat(22), asks: [1] })
  await turn()
  expect(sent.map(({ body }) => body)).toEqual([
    { answers: [], missing: [2, 3, 1, 7] },
    { answers: [], missing: [1] },
  ])
  decide()
  deciding.handle({ tag: 'question', from: FROM, asks: [1] })
  await turn()
  // the answer is before the word that it is not known any more
  expect(sent[2]?.body).toMatchObject({ answers: [[1, [{ transaction_id: '1' }]]], missing: [1] })
})

it('sends answers in several messages when one would be larger than the server takes', async () => {
  const { forward, decide, sent } = start(true, 1_000)
  forward(Array.from({ length: 12 }, (_, n) => one(`${n}`)))
  decide()
  await turn()
  expect(sent.length).toBeGreaterThan(1)
  expect(sent.flatMap(({ body }) => body.answers.map(([number]) => number))).toEqual(
    Array.from({ length: 12 }, (_, n) => n + 1),
  )
  for (const { body } of sent) expect(JSON.stringify(body).length).toBeLessThanOrEqual(1_000)
})
