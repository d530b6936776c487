/** Each promise of a run is broken once on purpose: the check of that name sees it, and a good run passes all checks. */

import { describe, expect, it } from 'vitest'
import type { Call, End } from './calls.js'
import { fullRun } from './testing/full-run.js'
import { brokenBy, resultsOf, withText } from './testing/plant.js'
import {
  answered,
  answeredAt,
  askedAt,
  changeCall,
  changeEntry,
  goodRunWithHold,
  OPS,
  type Run,
  refusedWith,
  storeAgain,
} from './testing/run.js'

/** Replaces a text in the answer to a call. */
const answerWithText =
  (from: string, to: string) =>
  ({ end }: Call): { readonly end: End } => {
    if (end.tag !== 'answer') throw new Error('there is no answer')
    return { end: { ...end, ...withText(from, to)(end) } }
  }
const answers =
  (balance: number, version: number, seq: number, at_us?: number) =>
  ({ end }: Call): { readonly end: End } => ({
    end: answered(
      at_us ?? end.at_us,
      { balance },
      { 'Ledger-Version': `${version}`, 'Ledger-Seq': `${seq}` },
    ),
  })

it('a good run breaks no promise, and every check has something to look at', () => {
  const results = resultsOf(fullRun())
  expect(results.filter(({ violations }) => violations > 0)).toEqual([])
  expect(results.filter(({ cases }) => cases === 0)).toEqual([])
})

describe('an event that was stored without effect', () => {
  const poor = withText('"credit","amount":7', '"debit","amount":60')
  const broken = (plant: (run: Run) => void): readonly string[] =>
    brokenBy(run => {
      changeCall(run, OPS.event, poor)
      changeEntry(run, 6, poor)
      plant(run)
    }).filter(name => name === 'acknowledged' || name === 'one outcome')
  /** Gives the customer enough money at the end of the stream. */
  const enrich = (run: Run): void => {
    storeAgain(run, 6)
    changeEntry(run, run.entries.length, () => ({ body: '{"type":"credit","amount":200}' }))
  }

  it('may be stored again later, and have its effect then, but not twice', () => {
    expect(broken(run => storeAgain(run, 6))).toEqual([])
    const later = (run: Run): void => {
      enrich(run)
      storeAgain(run, 6)
    }
    expect(broken(later)).toEqual([])
    expect(
      broken(run => {
        later(run)
        storeAgain(run, 6)
      }),
    ).toEqual(['acknowledged', 'one outcome'])
  })
})

describe('the check', () => {
  it.each<[name: string, what: string, plant: (run: Run) => void]>([
    ['acknowledged', 'an acknowledged event that is not in the stream', run => void run.entries.splice(6, 2)],
    [
      'acknowledged',
      'another sequence',
      run => changeCall(run, OPS.again, answerWithText('"seq":7', '"seq":6')),
    ],
    [
      'acknowledged',
      'another balance',
      run => changeCall(run, OPS.credit, answerWithText('"balance":100', '"balance":99')),
    ],
    [
      'acknowledged',
      'another version',
      run => changeCall(run, OPS.credit, answerWithText('"version":1', '"version":2')),
    ],
    [
      'acknowledged',
      'one half of a transfer',
      run => changeCall(run, OPS.transfer, answerWithText('"to":', '"other":')),
    ],
    ['acknowledged', 'another amount', run => changeEntry(run, 6, withText('"amount":7', '"amount":8'))],
    ['acknowledged', 'another id', run => changeEntry(run, 1, withText('id-k1', 'id-k0'))],
    ['acknowledged', 'an event twice', run => storeAgain(run, 6)],
    [
      'nothing stored',
      'UNAVAILABLE for what is stored',
      run => {
        for (const op of [OPS.unknown, OPS.again])
          changeCall(run, op, ({ end }) => ({ end: refusedWith(end.at_us, 'UNAVAILABLE') }))
      },
    ],
    [
      'nothing stored',
      'BUSY for what is stored, sent again only later',
      run => {
        changeCall(run, OPS.unknown, ({ end }) => ({ end: refusedWith(end.at_us, 'BUSY') }))
        changeCall(run, OPS.again, () => ({ at_us: askedAt(11) }))
      },
    ],
    [
      'nothing stored',
      'no responders for what is stored',
      run =>
        changeCall(run, OPS.event, ({ end }) => ({
          end: { tag: 'failure', at_us: end.at_us, reason: 'no responders' },
        })),
    ],
    [
      'nothing stored',
      'INSUFFICIENT_FUNDS for what is carried out',
      run =>
        changeCall(run, OPS.event, ({ end }) => ({
          end: refusedWith(end.at_us, 'INSUFFICIENT_FUNDS', { client_id: 'b', balance: 40 }),
        })),
    ],
    ['one outcome', 'an unknown one that is stored twice', run => storeAgain(run, 7)],
    ['one outcome', 'a refusal that is stored twice', run => storeAgain(run, 2)],
    [
      'one outcome',
      'one that is stored and refused',
      run => changeEntry(run, 2, withText('"reference":"k2"', '"reference":"k1"')),
    ],
    [
      'refusals',
      'one that rests on a balance which never was',
      run => changeCall(run, OPS.open_refusal, answerWithText('"balance":100', '"balance":90')),
    ],
    [
      'refusals',
      'one that rests on a balance of another time',
      run => changeCall(run, OPS.open_refusal, answerWithText('"balance":100', '"balance":61')),
    ],
    [
      'refusals',
      'one that its own balance does not bear out',
      run => changeCall(run, OPS.open_refusal, withText('"amount":500', '"amount":50')),
    ],
    [
      'refusals',
      'one without its event',
      run => changeEntry(run, 2, withText('"type":"declined"', '"type":"credit"')),
    ],
    [
      'refusals',
      'an event with a balance that was not',
      run => {
        changeEntry(run, 2, withText('"balance":100}', '"balance":99}'))
        changeCall(run, OPS.frozen_refusal, answerWithText('"balance":100', '"balance":99'))
      },
    ],
    [
      'own ids',
      'an id that is taken for another one',
      run =>
        changeCall(run, OPS.unavailable, ({ end }) => ({
          end: refusedWith(end.at_us, 'TRANSACTION_ID_REUSED'),
        })),
    ],
    [
      'transaction',
      'committed otherwise',
      run => changeCall(run, OPS.committed, answerWithText('"seq":1', '"seq":2')),
    ],
    [
      'transaction',
      'committed although refused',
      run => changeCall(run, OPS.committed, withText('id-k1', 'id-k2')),
    ],
    [
      'transaction',
      'declined although it is not',
      run => changeCall(run, OPS.declined, withText('id-k2', 'id-k1')),
    ],
    [
      'transaction',
      'unknown after the acknowledgement',
      run => changeCall(run, OPS.never, withText('id-k5', 'id-k4')),
    ],
    [
      'transfers',
      'half a transfer',
      run => changeEntry(run, 4, withText(',"transfer":{"counterparty":"a"}', '')),
    ],
    [
      'transfers',
      'halves of different amounts',
      run => changeEntry(run, 4, withText('"amount":40', '"amount":41')),
    ],
    ['batches', 'a batch without its end', run => changeEntry(run, 4, () => ({ headers: new Map() }))],
    [
      'batches',
      'a batch without its beginning',
      run => changeEntry(run, 3, () => ({ headers: new Map([['Nats-Batch-Id', 'v']]) })),
    ],
    [
      'version chains',
      'a claim that is wrong',
      run => changeEntry(run, 7, withText('"version":3', '"version":4')),
    ],
    ['origins', 'an event that nobody sent', run => changeEntry(run, 6, withText('k7', 'k70'))],
    [
      'origins',
      'an event on another subject',
      run => changeEntry(run, 6, () => ({ subject: 'customer.balance.c' })),
    ],
    ['floor', 'a balance below zero', run => changeCall(run, OPS.plain, answers(-1, 3, 7))],
    ['states', 'a balance that never was', run => changeCall(run, OPS.plain, answers(60, 3, 7))],
    ['states', 'an event that does not count', run => changeCall(run, OPS.plain, answers(61, 3, 8))],
    [
      'states',
      'an event before it was sent',
      run =>
        changeCall(run, OPS.strong, () => ({
          at_us: 1,
          ...answers(61, 3, 7, 2)({ end: { at_us: 2 } } as Call),
        })),
    ],
    [
      'plain reads',
      'one that is older than two seconds',
      run =>
        changeCall(run, OPS.plain, () => ({
          at_us: askedAt(400),
          end: answered(answeredAt(400), { balance: 60 }, { 'Ledger-Version': '2', 'Ledger-Seq': '3' }),
        })),
    ],
    [
      'strong reads',
      'one that is older than an acknowledgement',
      run => changeCall(run, OPS.strong, answers(60, 2, 3)),
    ],
    ['min_version', 'an older version', run => changeCall(run, OPS.min_version, answers(60, 2, 3))],
    [
      'min_version',
      'a version that is said to be not reached',
      run => changeCall(run, OPS.min_version, ({ end }) => ({ end: refusedWith(end.at_us, 'NOT_REACHED') })),
    ],
    ['the past', 'another state at a sequence', run => changeCall(run, OPS.as_of_seq, answers(61, 3, 7))],
    [
      'the past',
      'a sequence that is said to be not reached',
      run => changeCall(run, OPS.as_of_seq, ({ end }) => ({ end: refusedWith(end.at_us, 'NOT_REACHED') })),
    ],
    [
      'the past',
      'a time that is said to be not reached',
      run => changeCall(run, OPS.as_of, ({ end }) => ({ end: refusedWith(end.at_us, 'NOT_REACHED') })),
    ],
    ['the past', 'a later state at a time', run => changeCall(run, OPS.as_of, answers(61, 3, 7))],
    ['the past', 'an earlier state at a time', run => changeCall(run, OPS.as_of, answers(100, 1, 1))],
    [
      'statements',
      'an entry that is left out',
      run => changeCall(run, OPS.statement, answerWithText('"seq":3}', '"seq":2}')),
    ],
    [
      'statements',
      'another balance',
      run => changeCall(run, OPS.statement, answerWithText('"balance":60', '"balance":59')),
    ],
    [
      'statements',
      'an end that is none',
      run =>
        changeCall(
          run,
          OPS.statement,
          answerWithText(',{"type":"credit","amount":100,"balance":100,"version":1,"seq":1}', ''),
        ),
    ],
    ['lists', 'a balance that never was', run => changeCall(run, OPS.list, answerWithText('47', '46'))],
  ])('%s sees %s', (name, _, plant) => {
    expect(brokenBy(plant)).toContain(name)
  })
})

describe('of a hold, the check', () => {
  const entry = { part: 11, rest: 12, refusal: 13 }
  it.each<[name: string, what: string, plant: (run: Run) => void]>([
    [
      'holds',
      'more than was held',
      run => changeEntry(run, entry.rest, withText('"amount":10', '"amount":11')),
    ],
    [
      'holds',
      'a capture after the one that ends it',
      run => changeEntry(run, entry.part, withText('"final":false', '"final":true')),
    ],
    [
      'acknowledged',
      'a capture without effect',
      run => changeEntry(run, entry.rest, withText('"amount":10', '"amount":11')),
    ],
    [
      'version chains',
      'another digest of what the account has',
      run => changeEntry(run, 10, ({ body }) => ({ body: body.replace(/"rules":"./, '"rules":"?') })),
    ],
    [
      'refusals',
      'the refusal of a hold that is open',
      run => changeEntry(run, entry.rest, withText('"final":true', '"final":false,"amount":4')),
    ],
    [
      'one outcome',
      'a capture that is refused as well',
      run => changeEntry(run, entry.refusal, withText('"k25"', '"k24"')),
    ],
  ])('%s sees %s', (name, _, plant) => {
    expect(brokenBy(plant, goodRunWithHold())).toContain(name)
  })
})

describe('no check minds', () => {
  it.each<[what: string, plant: (run: Run) => void]>([
    [
      'a refusal that was sent again and then acknowledged',
      run => changeCall(run, OPS.unknown, ({ end }) => ({ end: refusedWith(end.at_us, 'UNAVAILABLE') })),
    ],
    [
      'an unknown outcome that is not stored',
      run =>
        changeCall(run, OPS.unavailable, ({ end }) => ({
          end: { tag: 'failure', at_us: end.at_us, reason: 'timeout' },
        })),
    ],
    ['a plain read that is a moment old', run => changeCall(run, OPS.plain, answers(60, 2, 3))],
    [
      'an old plain read that says so',
      run =>
        changeCall(run, OPS.plain, () => ({
          at_us: askedAt(400),
          end: answered(
            answeredAt(400),
            { balance: 60 },
            { 'Ledger-Version': '2', 'Ledger-Seq': '3', 'Ledger-Age-Ms': '5000' },
          ),
        })),
    ],
    [
      'a strong read beside a write that is not answered yet',
      run => {
        changeCall(run, OPS.again, () => ({ end: { tag: 'none', at_us: Number.POSITIVE_INFINITY } }))
        run.entries.pop()
        for (const op of [OPS.overdraw, OPS.plain, OPS.min_version, OPS.statement])
          run.calls.splice(
            run.calls.findIndex(call => call.op === op),
            1,
          )
        changeCall(run, OPS.strong, answers(60, 2, 3))
      },
    ],
    [
      '"unknown" of what is stored while it is asked',
      run => changeCall(run, OPS.never, call => ({ ...withText('id-k5', 'id-k8')(call), at_us: askedAt(8) })),
    ],
    [
      'a run that ended amid a call',
      run => changeCall(run, OPS.unknown, () => ({ end: { tag: 'none', at_us: Number.POSITIVE_INFINITY } })),
    ],
  ])('%s', (_, plant) => {
    expect(brokenBy(plant)).toEqual([])
  })
})
