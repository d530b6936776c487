/** The life of a command, with a stream that the test plays: what the coordinator does next, whatever happens. */

import { afterEach, describe, expect, it, vi } from 'vitest'
import { credit, debit } from '../../ledger/testing/scenario.js'
import type { Outcome } from '../outcome.js'
import { answerBound_ms, type Group } from './group.js'
import type { Transactions } from './ports.js'
import type { DecidedBatch } from './round.js'
import type { Settled } from './settle.js'
import { noTransactions, play, type StreamAnswer, stopPlaying } from './testing/play.js'

/** Short, because a caller waits for five of it, and long enough that a busy machine begins a round within it. */
const A_MOMENT_MS = 400

afterEach(stopPlaying)

const codeOf = (outcome: Outcome): string => (outcome.tag === 'done' ? 'done' : outcome.code)
const balanceOf = (outcome: Outcome): bigint | undefined =>
  outcome.tag === 'done' && 'balance' in outcome.reply ? outcome.reply.balance : undefined

describe('the group commit', () => {
  it('stores commands that arrive together as one batch, and answers each with its own position', async () => {
    const { submit, batches } = play()
    const outcomes = await Promise.all([
      submit(credit('alice', 5)),
      submit(credit('bob', 7)),
      submit(debit('alice', 2)),
    ])
    expect(batches).toEqual([['credit alice 5', 'credit bob 7', 'debit alice 2']])
    expect(outcomes).toMatchObject([
      { reply: { client_id: 'alice', balance: 5n, version: 1, seq: 1 } },
      { reply: { client_id: 'bob', balance: 7n, version: 1, seq: 2 } },
      { reply: { client_id: 'alice', balance: 3n, version: 2, seq: 3 } },
    ])
  })

  it('answers the others of a batch when the answer to one cannot be handed over', async () => {
    const { coordinator, submit, batches } = play()
    coordinator.take({ command: credit('alice', 5), has_given_id: false }, () => {
      throw new TypeError('a fault on the way to the caller')
    })
    expect(balanceOf(await submit(credit('alice', 2)))).toBe(7n)
    expect(batches).toHaveLength(1)
  })

  it('takes into the next batch all that came while one was on its way', async () => {
    let arrive = (): void => undefined
    const arrived = new Promise<void>(resolve => {
      arrive = resolve
    })
    const world = play([
      async batch => {
        await arrived
        return world.store(batch)
      },
    ])
    const first = world.submit(credit('alice', 1))
    await new Promise(setImmediate)
    const rest = [world.submit(credit('alice', 2)), world.submit(credit('bob', 3))]
    await new Promise(setImmediate)
    expect(world.batches).toEqual([['credit alice 1']])
    arrive()
    expect((await Promise.all([first, ...rest])).map(codeOf)).toEqual(['done', 'done', 'done'])
    expect(world.batches).toEqual([['credit alice 1'], ['credit alice 2', 'credit bob 3']])
  })

  it('answers a command that is one too many with BUSY, and takes the next one once there is room', async () => {
    const { submit } = play([], { queue_max: 1 })
    const [first, second] = await Promise.all([submit(credit('alice', 1)), submit(credit('alice', 1))])
    expect([first, second].map(codeOf)).toEqual(['done', 'BUSY'])
    expect(codeOf(await submit(credit('alice', 1)))).toBe('done')
  })

  it('answers a refusal that the batch does not confirm after a look at the stream, and decides again where it changed', async () => {
    const world = play()
    expect(codeOf(await world.submit(debit('alice', 5)))).toBe('INSUFFICIENT_FUNDS')
    world.interfere('alice', 5)
    expect(balanceOf(await world.submit(debit('alice', 5)))).toBe(0n)
  })
})

describe('a batch that another writer was faster than', () => {
  it('is decided again on what is stored now; the customers that did not change do not wait', async () => {
    const world = play([
      () => {
        world.interfere('alice', 100)
        return { tag: 'refused', error: { tag: 'Conflict', message: 'wrong last sequence' } }
      },
    ])
    const outcomes = await Promise.all([world.submit(credit('alice', 1)), world.submit(credit('bob', 1))])
    expect(outcomes.map(balanceOf)).toEqual([101n, 1n])
    expect(world.batches).toHaveLength(3)
    expect(world.batches.slice(1).toSorted()).toEqual([['credit alice 1'], ['credit bob 1']])
  })

  it('again and again gets a lane of its own, and is CONFLICT after ten tries; the others go on', async () => {
    const conflict = (batch: DecidedBatch): Settled => {
      if (!batch.plan.events.some(({ id }) => id === 'alice')) return world.store(batch)
      world.interfere('alice', 1)
      return { tag: 'refused', error: { tag: 'Conflict', message: 'wrong last sequence' } }
    }
    const world = play(Array<StreamAnswer>(40).fill(conflict))
    const outcomes = await Promise.all([world.submit(credit('alice', 1)), world.submit(credit('bob', 1))])
    expect(outcomes.map(codeOf)).toEqual(['CONFLICT', 'done'])
    expect(world.batches.filter(batch => batch.includes('credit alice 1'))).toHaveLength(11)
  })

  it('by a write that cannot be seen yet is halved until it stands alone', async () => {
    let refused = 0
    const world = play(
      Array<StreamAnswer>(40).fill(batch => {
        if (!batch.plan.events.some(({ id }) => id === 'alice') || refused === 5) return world.store(batch)
        refused += 1
        return { tag: 'refused', error: { tag: 'Conflict', message: 'a write in flight' } }
      }),
    )
    const ids = ['alice', 'bob', 'carol', 'dave']
    const outcomes = await Promise.all(ids.map(id => world.submit(credit(id, 1))))
    expect(outcomes.map(codeOf)).toEqual(['done', 'done', 'done', 'done'])
    expect(world.batches).toContainEqual(['credit alice 1'])
  })
})

describe('a batch that the stream refuses', () => {
  it('because it is too large is halved: only the command that is too large fails', async () => {
    const tooLarge: StreamAnswer = batch =>
      batch.plan.events.some(({ id }) => id === 'bob')
        ? { tag: 'refused', error: { tag: 'TooLarge', message: 'too large' } }
        : world.store(batch)
    const world = play(Array<StreamAnswer>(20).fill(tooLarge))
    const outcomes = await Promise.all(['alice', 'bob', 'carol'].map(id => world.submit(credit(id, 1))))
    expect(outcomes.map(codeOf)).toEqual(['done', 'PAYLOAD_TOO_LARGE', 'done'])
  })

  it('because the stream is full fails whole', async () => {
    const { submit } = play(['StreamFull'])
    expect(codeOf(await submit(credit('alice', 1)))).toBe('STREAM_FULL')
  })

  it('for an id that it knows is looked up: the groups whose caller brought no id go on at once', async () => {
    const suspects: string[][] = []
    const world = play(['Duplicate'], {
      transactions: {
        ...noTransactions,
        findDuplicates: async groups => {
          suspects.push(groups.flatMap(({ commands }) => commands.map(c => c.transaction_id)))
          return { answers: [], rounds: [[...groups]] }
        },
      },
    })
    const outcomes = await Promise.all([
      world.submit(credit('alice', 1, 'pay-1'), true),
      world.submit(credit('bob', 1, 'made-here')),
    ])
    expect(suspects).toEqual([['pay-1']])
    expect(outcomes.map(codeOf)).toEqual(['done', 'done'])
  })

  it('for a known id is an unknown outcome where the look-up fails: something may be stored', async () => {
    const { submit } = play(['Duplicate'], {
      transactions: { ...noTransactions, findDuplicates: () => Promise.reject(new Error('no journal')) },
    })
    expect(codeOf(await submit(credit('alice', 1, 'pay-1'), true))).toBe('OUTCOME_UNKNOWN')
  })
})

describe('a caller is told that nothing is stored only when that is certain', () => {
  it.each<[string, StreamAnswer, string]>([
    ['the outcome stays unknown', 'unknown', 'OUTCOME_UNKNOWN'],
    ['publishing throws', new Error('lost'), 'OUTCOME_UNKNOWN'],
    ['publishing meets a fault of this program', new TypeError('no such thing'), 'OUTCOME_UNKNOWN'],
    ['the stream refuses for no known reason', 'Unexpected', 'INTERNAL_ERROR'],
  ])('%s', async (_, answer, code) => {
    const { submit } = play([answer])
    expect(codeOf(await submit(credit('alice', 1)))).toBe(code)
  })

  it('not where a fault of the program hides what a stored batch has made', async () => {
    const { submit, store } = play([
      batch => ({
        ...store(batch),
        get last_seq(): number {
          throw new TypeError('a fault of this program')
        },
      }),
    ])
    expect(codeOf(await submit(credit('alice', 1)))).toBe('OUTCOME_UNKNOWN')
    expect(balanceOf(await submit(credit('alice', 1)))).toBe(2n)
  })

  it('where nothing was sent because the accounts cannot be read', async () => {
    const rounds = {
      prepare: () => Promise.reject(new Error('no leader')),
      conclude: () => ({ answers: [], again: [], asides: [] }),
      confirm: async () => ({ answers: [], again: [], asides: [] }),
      loadSlowAccounts: async () => ({ answers: [], again: [], asides: [] }),
    }
    const { submit } = play([], { rounds })
    expect(codeOf(await submit(credit('alice', 1)))).toBe('UNAVAILABLE')
  })

  it('has an answer within its bound: UNAVAILABLE before it is sent, OUTCOME_UNKNOWN afterwards', async () => {
    const never = new Promise<never>(() => undefined)
    const looking = play([], {
      timeout_ms: 10,
      transactions: { ...noTransactions, begin: () => ({ tag: 'later', later: never }) },
    })
    expect(codeOf(await looking.submit(credit('alice', 1, 'pay-1'), true))).toBe('UNAVAILABLE')
    // on a machine that is busy, the time of the group would be over before it is sent
    vi.useFakeTimers()
    try {
      const sent = play([() => never], { timeout_ms: 10 })
      const answer = sent.submit(credit('alice', 1))
      await vi.waitUntil(() => sent.batches.length === 1)
      await vi.advanceTimersByTimeAsync(answerBound_ms(10))
      expect(codeOf(await answer)).toBe('OUTCOME_UNKNOWN')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a group whose caller brought the ids', () => {
  it('is answered with what is stored under them, and never decided', async () => {
    const ended: Group[] = []
    const stored = { tag: 'done', replayed: true, replies: [] } as const
    const { coordinator, batches } = play([], {
      transactions: {
        ...noTransactions,
        begin: () => ({ tag: 'answer', result: stored }),
        end: group => ended.push(group),
      },
    })
    expect(await coordinator.submitAll([credit('alice', 1, 'pay-1')], true)).toBe(stored)
    expect(batches).toEqual([])
    expect(ended).toHaveLength(1)
  })

  it('keeps its place among the commands of one request', async () => {
    const { coordinator, batches } = play()
    await coordinator.submitEach([
      { command: credit('alice', 1, 'a'), has_given_id: true },
      { command: debit('alice', 1, 'b'), has_given_id: false },
      { command: credit('alice', 2, 'c'), has_given_id: true },
    ])
    expect(batches).toEqual([['credit alice 1', 'debit alice 1', 'credit alice 2']])
  })
})

it('an ending coordinator takes nothing new, and answers what is open', async () => {
  const { coordinator, submit } = play()
  const open = submit(credit('alice', 1))
  const stopped = coordinator.stop()
  expect(codeOf(await submit(credit('alice', 1)))).toBe('UNAVAILABLE')
  await stopped
  expect(codeOf(await open)).toBe('done')
})

describe('commands that another instance has too', () => {
  it('are the ones that are looked up when the stream knows an id', async () => {
    const suspects: string[][] = []
    const findDuplicates: Transactions['findDuplicates'] = async groups => {
      suspects.push(groups.flatMap(({ commands }) => commands.map(({ transaction_id }) => transaction_id)))
      return { answers: [], rounds: [[...groups]] }
    }
    const { coordinator, submit } = play(['Duplicate'], {
      transactions: { ...noTransactions, findDuplicates },
    })
    const forwarded = new Promise<Outcome>(resolve =>
      coordinator.take(
        { command: credit('alice', 1, 'forwarded'), has_given_id: false },
        resolve,
        'forwarded',
      ),
    )
    expect(await Promise.all([forwarded, submit(credit('bob', 1, 'own'))])).toMatchObject([
      { tag: 'done' },
      { tag: 'done' },
    ])
    expect(suspects).toEqual([['forwarded']])
  })

  it.each<[string, readonly StreamAnswer[], number]>([
    ['there is no room', [], 0],
    ['the stream is full', ['StreamFull'], 10],
    ['others are always faster', Array<StreamAnswer>(30).fill('Conflict'), 10],
  ])('are not said to be not stored when %s', async (_, answers, queue_max) => {
    const { coordinator } = play(answers, { queue_max })
    const taken = { command: credit('alice', 1, 'a'), has_given_id: true }
    expect((await coordinator.submitEach([taken], 'taken back')).map(codeOf)).toEqual(['OUTCOME_UNKNOWN'])
  })

  it('are refused for certain only where an event says so for ever', async () => {
    const { coordinator, batches } = play()
    const [single] = await coordinator.submitEach(
      [{ command: debit('alice', 1, 'a'), has_given_id: true }],
      'taken back',
    )
    expect(single).toMatchObject({ code: 'INSUFFICIENT_FUNDS' })
    expect(batches).toEqual([['declined alice 1']])
    const whole = [credit('alice', 1, 'b'), debit('alice', 2, 'c')]
    expect(await coordinator.submitAll(whole, true, 'taken back')).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await coordinator.submitAll(whole, true, 'forwarded')).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
    })
  })
})

it('what is stored at another time than it was decided is answered from the stream, and may be stored until then', async () => {
  const asked: string[][] = []
  const { submit, batches } = play([() => ({ tag: 'off time' })], {
    timeout_ms: A_MOMENT_MS,
    transactions: {
      ...noTransactions,
      findDuplicates: groups => {
        asked.push(groups.flatMap(({ commands }) => commands.map(({ type }) => type)))
        return new Promise(() => undefined)
      },
    },
  })
  const outcomes = await Promise.all([submit(credit('alice', 5), true), submit(credit('bob', 7))])
  expect(outcomes.map(codeOf)).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
  expect(batches).toHaveLength(1)
  expect(asked).toEqual([['credit', 'credit']])
})
