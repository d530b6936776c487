/** Two and three instances on one stream: whatever becomes of one, each command is stored once, and its answer is true. */

import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, lastSeq, movement, storedFrom, transfer } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { Model } from '../../../test/support/model.js'
import { instanceRoom, OPTIONS, type TestInstance } from '../../../test/support/routers.js'
import { until } from '../../../test/support/servers.js'
import type { DirectCommand } from '../../ledger/command.js'
import type { Outcome } from '../outcome.js'

const WAIT_MS_MAX = 10_000

let ledger: TestLedger
const room = instanceRoom(() => ledger)
let begin_seq = 1

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterEach(async () => {
  await room.stopAll()
  begin_seq = (await lastSeq(ledger.jsm)) + 1
})
afterAll(() => ledger.stop())

const submit = ({ router }: TestInstance, command: DirectCommand, has_given_id = false): Promise<Outcome> =>
  new Promise(resolve => router.take({ command, has_given_id }, resolve))

const many = (count: number, id: (n: number) => string): DirectCommand[] =>
  Array.from({ length: count }, (_, n) => movement('credit', id(n), 1))

const idsOf = (commands: readonly DirectCommand[]): string[] =>
  commands.map(({ transaction_id }) => transaction_id).toSorted()

const stored = () => storedFrom(ledger.jsm, begin_seq)

/** The ids that are stored, each as often as it is. */
const storedIds = async (): Promise<string[]> => (await stored()).map(({ msg_id }) => msg_id).toSorted()

const balances = async (): Promise<ReadonlyMap<string, bigint>> => {
  const model = new Model()
  for (const event of await stored()) model.fold(event)
  expect(model.halves()).toEqual([])
  return model.balances
}

/** Expects that the answers are about the events that are stored: every one at the place that its answer names. */
const expectTrue = async (outcomes: readonly Outcome[]): Promise<void> => {
  const at = new Map((await stored()).map(({ seq, msg_id }) => [seq, msg_id]))
  for (const outcome of outcomes) {
    if (outcome.tag === 'failed' || !('seq' in outcome.reply))
      throw new Error(codeOf(outcome), { cause: outcome.tag === 'failed' ? outcome.cause : undefined })
    expect(at.get(outcome.reply.seq)).toBe(outcome.reply.transaction_id)
    expect(outcome.replayed).toBe(false)
  }
}

const isBusyWith = (instance: TestInstance, is: (subject: string) => boolean, commands: () => void) => {
  let seen = 0
  const before = instance.links.hears
  instance.links.hears = subject => {
    if (is(subject)) seen += 1
    return before(subject)
  }
  commands()
  return until(() => seen > 0, { deadline_ms: WAIT_MS_MAX, what: 'the forward to arrive' })
}
const isCommands = (subject: string): boolean => subject.endsWith('.commands')

describe('commands that come to three instances', () => {
  it('meet in one of them, whichever customers they are of, and none is refused', async () => {
    const [first, ...others] = [await room.start(), await room.start(), await room.start()]
    const all = [first, ...others]
    const funds = many(9, n => `m${n % 3}`)
    await Promise.all(funds.map((command, n) => submit(all[n % 3] ?? first, command)))
    const commands = Array.from({ length: 900 }, (_, n) => transfer(`m${n % 3}`, `m${(n + 1) % 3}`, 1))
    const outcomes = await Promise.all(commands.map((command, n) => submit(all[n % 3] ?? first, command)))
    expect(outcomes.map(codeOf).filter(code => code !== 'done' && code !== 'INSUFFICIENT_FUNDS')).toEqual([])
    expect(others.map(({ batches }) => batches())).toEqual([0, 0])
    expect([...(await balances()).values()].reduce((sum, balance) => sum + balance, 0n)).toBe(9n)
  })

  it('give the same answers as those that come to one, in the order of their batch', async () => {
    const [first, second] = [await room.start(), await room.start()]
    for (const [instance, name] of [
      [first, 'one'],
      [second, 'two'],
    ] as const) {
      const commands: readonly DirectCommand[] = [
        { ...movement('credit', name, 100, `${name}-1`), metadata: { a: [1] }, reference: 'π' },
        movement('debit', name, 30, `${name}-2`),
        movement('debit', name, 71, `${name}-3`),
        movement('credit', name, 2n ** 63n - 1n, `${name}-4`),
        transfer(name, `${name}-to`, 70, `${name}-5`),
      ]
      const each = commands.map((command, n) => ({ command, has_given_id: n % 2 === 0 }))
      expect((await instance.router.submitEach(each)).map(codeOf)).toEqual([
        'done',
        'done',
        'INSUFFICIENT_FUNDS',
        'BALANCE_LIMIT',
        'done',
      ])
      const known = commands.filter((_, n) => n % 2 === 0)
      const again = await instance.router.submitEach(known.map(command => ({ command, has_given_id: true })))
      expect(again[0]).toMatchObject({ replayed: true, reply: { balance: 100n } })
      expect(again[1]).toMatchObject({ details: { replayed: true, balance: 70n, amount: 71n } })
      const refused = [movement('credit', name, 5), movement('debit', name, 6)]
      expect(await instance.router.submitAll(refused, false)).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        details: { index: 1 },
      })
      const done = await instance.router.submitAll(
        [movement('credit', name, 5), movement('debit', name, 5)],
        false,
      )
      expect(done).toMatchObject({
        tag: 'done',
        replayed: false,
        replies: [{ balance: 5n }, { balance: 0n }],
      })
    }
    expect(second.batches()).toBe(0)
  })

  it('are decided where they come when they are too large for one message to another instance', async () => {
    const [first, second] = [await room.start(), await room.start()]
    const metadata = { text: 'x'.repeat(2_000) }
    const commands = many(300, n => `large${n}`).map(command => ({ ...command, metadata }))
    const submitted = commands.map(command => ({ command, has_given_id: false }))
    expect(new Set((await second.router.submitEach(submitted)).map(codeOf))).toEqual(new Set(['done']))
    expect(second.batches()).toBeGreaterThan(0)
    expect(first.batches()).toBe(0)
  })
})

describe('the instance that decides', () => {
  it('is killed with commands in its hands: the others decide them, each once', async () => {
    const [first, second, third] = [await room.start(), await room.start(), await room.start()]
    const commands = many(300, n => `k${n % 7}`)
    let outcomes: Promise<Outcome[]> | undefined
    await isBusyWith(first, isCommands, () => {
      outcomes = Promise.all(commands.map((command, n) => submit(n % 2 === 0 ? second : third, command)))
    })
    await first.kill()
    await expectTrue((await outcomes) ?? [])
    expect(await storedIds()).toEqual(idsOf(commands))
    // the older one of the two decides from now on
    const before = third.batches()
    await Promise.all(many(20, n => `after${n}`).map(command => submit(third, command)))
    expect(third.batches()).toBe(before)
    expect(second.router.instances).toBe(2)
  })

  it('stores what it was given and is not heard any more: the others find it stored', async () => {
    const [first, second] = [await room.start(), await room.start()]
    first.links.sends = () => false
    const commands = many(50, n => `s${n % 3}`)
    const batch = many(5, () => 'batch').map(command => ({ command, has_given_id: false }))
    const [singles, each, all] = await Promise.all([
      Promise.all(commands.map(command => submit(second, command))),
      second.router.submitEach(batch),
      second.router.submitAll([movement('credit', 'all', 3), movement('debit', 'all', 2)], false),
    ])
    await expectTrue([...singles, ...each])
    expect(
      each.map(outcome => outcome.tag === 'done' && 'seq' in outcome.reply && outcome.reply.balance),
    ).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(all).toMatchObject({ tag: 'done', replayed: false, replies: [{ balance: 3n }, { balance: 1n }] })
    expect(first.batches()).toBeGreaterThan(0)
    expect(new Set(await storedIds()).size).toBe((await storedIds()).length)
    expect((await stored()).length).toBe(57)
  })

  it('hears its commands late, when others have decided them: none is stored twice', async () => {
    const [first, second] = [await room.start(), await room.start()]
    first.links.hears = subject => !isCommands(subject)
    first.links.sends = () => false
    const commands = many(50, n => `l${n % 3}`)
    await expectTrue(await Promise.all(commands.map(command => submit(second, command))))
    const before = first.batches()
    first.links.hears = () => true
    first.release()
    await until(() => first.batches() > before, {
      deadline_ms: WAIT_MS_MAX,
      what: 'the late instance to try',
    })
    await first.stop()
    expect(await storedIds()).toEqual(idsOf(commands))
  })

  it('hears a debit late that was refused meanwhile: it stays refused, though there is money now', async () => {
    const [first, second] = [await room.start(), await room.start()]
    first.links.hears = subject => !isCommands(subject)
    first.links.sends = () => false
    const debit = movement('debit', 'poor', 10)
    const [single, whole] = await Promise.all([
      submit(second, debit),
      second.router.submitAll([movement('debit', 'poorer', 1), movement('debit', 'poorer', 2)], false),
    ])
    expect(single).toMatchObject({ code: 'INSUFFICIENT_FUNDS', details: { balance: 0n } })
    expect(single).not.toHaveProperty('details.replayed')
    // nothing freezes the refusal of a whole batch, so it is not certain
    expect(codeOf(whole as Outcome)).toBe('OUTCOME_UNKNOWN')
    await submit(second, movement('credit', 'poor', 100))
    const before = first.batches()
    first.links.hears = () => true
    first.release()
    await until(() => first.batches() > before, {
      deadline_ms: WAIT_MS_MAX,
      what: 'the late instance to try',
    })
    await first.stop()
    expect((await balances()).get('poor')).toBe(100n)
  })

  it('leaves: its commands are answered by it, the next ones by the next instance, and none is refused', async () => {
    const [first, second] = [await room.start(), await room.start()]
    const outcomes: Promise<Outcome>[] = []
    const commands = many(600, n => `c${n % 150}`)
    let stopping: Promise<void> | undefined
    for (const [n, command] of commands.entries()) {
      outcomes.push(submit(n % 2 === 0 && stopping === undefined ? first : second, command))
      if (n === 300) stopping = first.stop()
      if (n % 20 === 0) await turn()
    }
    await expectTrue(await Promise.all(outcomes))
    await stopping
    expect(await storedIds()).toEqual(idsOf(commands))
    expect(second.batches()).toBeGreaterThan(0)
    expect(second.router.instances).toBe(1)
  })

  it('is full: its refusal is the answer', async () => {
    const [, second] = [await room.start({ ...OPTIONS, queue_max: 1 }), await room.start()]
    const commands = many(20, n => `full${n}`)
    const codes = (await Promise.all(commands.map(command => submit(second, command)))).map(codeOf)
    expect(new Set(codes)).toEqual(new Set(['done', 'BUSY']))
    expect((await stored()).length).toBe(codes.filter(code => code === 'done').length)
  })
})

describe('a message between two instances', () => {
  it('is lost on its way there, and on its way back: the other instance says that it does not have the commands', async () => {
    const [first, second] = [await room.start(), await room.start()]
    for (const isLost of [isCommands, (subject: string) => subject.includes('.answers.')]) {
      let lost = 0
      const instance = isLost === isCommands ? second : first
      instance.links.sends = subject => {
        if (lost > 0 || !isLost(subject)) return true
        lost += 1
        return false
      }
      const commands = many(5, n => `lost${n}`)
      await expectTrue(await Promise.all(commands.map(command => submit(second, command))))
      expect(lost).toBe(1)
      expect(second.router.instances).toBe(2)
    }
    expect(new Set(await storedIds()).size).toBe(10)
  })

  it('is forged: nothing of it is stored, believed or answered, and nothing ends', async () => {
    const [first, second] = [await room.start(), await room.start()]
    const subjects: string[] = []
    const spy = ledger.nc.subscribe('customer.instance.*.>', {
      callback: (_, { subject }) => void subjects.push(subject),
    })
    await until(() => subjects.some(subject => subject.endsWith('.sign')), {
      deadline_ms: WAIT_MS_MAX,
      what: 'signs',
    })
    const ids = [...new Set(subjects.map(subject => subject.split('.')[2] ?? ''))]
    const lines = Array.from(
      { length: 501 },
      (_, n) => `t-{"from":"f${n}","to":"g","amount":1,"transaction_id":"x${n}"}`,
    )
    const forged = [
      'nothing',
      `{"from":"customer.credit","tick":0,"first":1,"runs":[["one",1]]}\nc-{"client_id":"f","amount":1,"transaction_id":"x"}`,
      `{"from":"${'f'.repeat(22)}","tick":0,"first":1,"runs":[["one",1]]}\nc-{"client_id":"f","amount":1,"transaction_id":"x"}`,
      `{"from":"${'f'.repeat(22)}","tick":999999999999,"first":1,"runs":[["one",1]]}\nc-{"client_id":"f","amount":1,"transaction_id":"x"}`,
      `{"from":"${'f'.repeat(22)}","tick":${Math.floor(performance.now())},"first":1,"runs":[["all",501]]}\n${lines.join('\n')}`,
    ]
    for (const id of ids) {
      for (const body of forged) ledger.nc.publish(`customer.instance.${id}.commands`, body)
      for (const body of [
        'x',
        '{"answers":[[1,[]]],"missing":[1,2,3]}',
        '{"answers":[[1,[7]]],"missing":[]}',
      ])
        for (const from of [...ids, 'f'.repeat(22)])
          ledger.nc.publish(`customer.instance.${id}.answers.${from}`, body)
      ledger.nc.publish(`customer.instance.${'?'.repeat(22)}.sign`, '{}')
    }
    const commands = many(5, n => `forged${n}`)
    await expectTrue(await Promise.all(commands.map(command => submit(second, command))))
    expect(await storedIds()).toEqual(idsOf(commands))
    expect(subjects.filter(subject => subject.startsWith('customer.credit'))).toEqual([])
    expect(first.router.instances).toBe(2)
    spy.unsubscribe()
  })
})
