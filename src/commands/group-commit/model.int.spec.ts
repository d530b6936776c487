/**
 * Random histories against a model that shares no code with src. A failure prints its seed and the smallest history
 * that fails; that history can be given to `examples` to be run again.
 */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  type Coordinators,
  coordinatorRoom,
  lastSeq,
  movement,
  storedFrom,
  transfer,
} from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { Model, type Request } from '../../../test/support/model.js'
import { answerOf } from '../../../test/support/model-answers.js'
import type { Command } from '../../ledger/command.js'
import type { Outcome } from '../outcome.js'
import type { Coordinator } from './coordinator.js'

const CUSTOMERS = 3
const IDS = 4
const LARGEST = 2n ** 63n - 1n
const RUNS = 60

type Ask = Pick<Request, 'type' | 'amount' | 'reference'> & {
  readonly does: 'command'
  readonly coordinator: number
  readonly customer: number
  /** From the customer to the other one of a transfer. */
  readonly distance: number
  /** Which of the history's few transaction ids: soon used again; none: the coordinator's caller brings none. */
  readonly given: number | undefined
}
type Again = { readonly does: 'again'; readonly coordinator: number; readonly which: number }
type Direct = { readonly does: 'direct'; readonly customer: number; readonly body: string }
type Act = Ask | Again | Direct
type Step = Act | { readonly does: 'at once'; readonly acts: readonly Act[] }

const someAmount = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt({ min: 1n, max: 60n }) },
  { weight: 1, arbitrary: fc.constantFrom(LARGEST, LARGEST - 30n) },
)
const coordinator = fc.nat({ max: 1 })
const ask: fc.Arbitrary<Ask> = fc.record({
  does: fc.constant('command' as const),
  coordinator,
  type: fc.constantFrom('credit' as const, 'debit' as const, 'transfer' as const),
  customer: fc.nat({ max: CUSTOMERS - 1 }),
  distance: fc.integer({ min: 1, max: CUSTOMERS - 1 }),
  amount: someAmount,
  reference: fc.constantFrom(undefined, 'r'),
  given: fc.option(fc.nat({ max: IDS - 1 }), { nil: undefined }),
})
const again: fc.Arbitrary<Again> = fc.record({
  does: fc.constant('again' as const),
  coordinator,
  which: fc.nat(),
})
const json = (n: bigint): number | string => (n > Number.MAX_SAFE_INTEGER ? String(n) : Number(n))
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record(
        {
          type: fc.constantFrom('credit', 'debit', 'declined'),
          amount: someAmount.map(json),
          after: fc.record({ balance: fc.nat(), version: fc.nat({ max: 9 }) }),
        },
        { requiredKeys: ['type', 'amount'] },
      )
      .map(event => JSON.stringify(event)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'no JSON',
      '[]',
      '{"type":"credit"}',
      '{"type":"debit","amount":0}',
      '{"type":"gift","amount":5}',
      '{"type":"credit","amount":1.5}',
    ),
  },
)
const direct: fc.Arbitrary<Direct> = fc.record({
  does: fc.constant('direct' as const),
  customer: fc.nat({ max: CUSTOMERS - 1 }),
  body,
})
const act = fc.oneof(
  { weight: 6, arbitrary: ask },
  { weight: 2, arbitrary: again },
  { weight: 2, arbitrary: direct },
)
const atOnce = fc.record({
  does: fc.constant('at once' as const),
  acts: fc.array(act, { minLength: 2, maxLength: 8 }),
})
const history: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: act as fc.Arbitrary<Step> }, { weight: 1, arbitrary: atOnce }),
  { minLength: 1, maxLength: 16 },
)

let ledger: TestLedger
let room: Coordinators
let runs = 0

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  room = coordinatorRoom()
})
afterAll(async () => {
  await room.stopAll()
  await ledger.stop()
})

type Asked = { readonly command: Command; readonly given: boolean; readonly request: Request }

/** One run: the history on customers, transaction ids and coordinators of its own. */
const play = async (steps: readonly Step[]): Promise<void> => {
  runs += 1
  const prefix = `run${runs}`
  const coordinators: readonly Coordinator[] = [room.start(ledger), room.start(ledger)]
  const model = new Model()
  const asked: Asked[] = []
  const firsts = new Map<string, number>()
  let read_to = await lastSeq(ledger.jsm)

  const nameOf = (customer: number): string => `${prefix}-${customer % CUSTOMERS}`

  const newAsk = ({ type, customer, distance, amount, reference, given }: Ask): Asked => {
    const [from, to] = [nameOf(customer), nameOf(customer + distance)]
    const id = given === undefined ? `${prefix}-own-${asked.length}` : `${prefix}-id-${given}`
    const bare = type === 'transfer' ? transfer(from, to, amount, id) : movement(type, from, amount, id)
    const command = reference === undefined ? bare : { ...bare, reference }
    const request = { type, from, to, amount, reference, transaction_id: id }
    return { command, given: given !== undefined, request }
  }

  const askOf = (step: Ask | Again): Asked | undefined => {
    const found = step.does === 'command' ? newAsk(step) : asked.filter(a => a.given).at(step.which % 5)
    if (step.does === 'command' && found !== undefined) asked.push(found)
    return found
  }

  const begin = (step: Act): { ask?: Asked; outcome: Promise<Outcome | undefined> } => {
    if (step.does === 'direct') {
      return { outcome: ledger.emit(nameOf(step.customer), step.body).then(() => undefined) }
    }
    const found = askOf(step)
    const used = coordinators[step.coordinator]
    if (found === undefined || used === undefined) return { outcome: Promise.resolve(undefined) }
    return { ask: found, outcome: used.submit(found.command, found.given) }
  }

  const readOn = async (): Promise<void> => {
    for (const stored of await storedFrom(ledger.jsm, read_to + 1)) {
      read_to = stored.seq
      model.fold(stored)
    }
  }

  for (const step of steps) {
    const begun = (step.does === 'at once' ? step.acts : [step]).map(begin)
    const [only] = begun
    // what happens alone can be foretold; what happens at once has the order that the stream gives it
    const foretold =
      step.does !== 'at once' && only?.ask !== undefined ? model.foretell(only.ask.request) : undefined
    const outcomes = await Promise.all(begun.map(({ outcome }) => outcome))
    await readOn()
    begun.forEach(({ ask: made }, i) => {
      const outcome = outcomes[i]
      if (made === undefined || outcome === undefined) return
      const answer = answerOf(outcome)
      if (foretold !== undefined) expect(answer).toMatchObject(foretold)
      expect(model.objection(made.request, made.given, answer)).toBeUndefined()
      if (outcome.tag === 'done' && !outcome.replayed) {
        firsts.set(outcome.reply.transaction_id, (firsts.get(outcome.reply.transaction_id) ?? 0) + 1)
      }
    })
  }
  // one effect has one original answer: every other one says that it is a replay
  expect([...firsts].filter(([, count]) => count > 1)).toEqual([])
  expect(model.halves()).toEqual([])
  for (const used of coordinators) await used.stop()
  // an coordinator that has seen nothing yet comes to the balances of the model
  const fresh = room.start(ledger)
  for (const [name, balance] of model.balances) {
    const outcome = await fresh.submit(movement('debit', name, LARGEST), false)
    if (balance === LARGEST) expect(outcome.tag).toBe('done')
    else expect(answerOf(outcome)).toEqual({ code: 'INSUFFICIENT_FUNDS', balance })
  }
  await fresh.stop()
}

it('gives the results and the balances of a model, whatever is asked, again, otherwise, directly and at once', async () => {
  await fc.assert(fc.asyncProperty(history, play), {
    numRuns: RUNS,
    endOnFailure: false,
    interruptAfterTimeLimit: 45_000,
    markInterruptAsFailure: false,
  })
})
