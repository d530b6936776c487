/**
 * Random commands at three instances while some of them die, leave, fall silent or go deaf, against a model that shares no code
 * with src: no command is stored twice, and every answer is true. A failure prints its seed and the smallest history that fails.
 */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lastSeq, movement, storedFrom, transfer } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { Model, type Request } from '../../../test/support/model.js'
import { answerOf } from '../../../test/support/model-answers.js'
import { instanceRoom, type TestInstance } from '../../../test/support/routers.js'
import type { Outcome } from '../outcome.js'

const CUSTOMERS = 4
const RUNS = 12
const NOT_STORED = ['BUSY', 'CONFLICT', 'UNAVAILABLE']

type Ask = {
  readonly does: 'ask'
  readonly at: number
  readonly type: Request['type']
  readonly customer: number
  readonly amount: bigint
  readonly given: boolean
}
/** The last instance is never disturbed, so that one is there for every command. */
type Disturb = { readonly does: 'kill' | 'leave' | 'silence' | 'deafen' | 'heal'; readonly at: number }
type Step = Ask | Disturb | { readonly does: 'wait' }

const ask: fc.Arbitrary<Ask> = fc.record({
  does: fc.constant('ask' as const),
  at: fc.nat({ max: 2 }),
  type: fc.constantFrom('credit' as const, 'debit' as const, 'transfer' as const),
  customer: fc.nat({ max: CUSTOMERS - 1 }),
  amount: fc.bigInt({ min: 1n, max: 30n }),
  given: fc.boolean(),
})
const disturb: fc.Arbitrary<Disturb> = fc.record({
  does: fc.constantFrom(
    'kill' as const,
    'leave' as const,
    'silence' as const,
    'deafen' as const,
    'heal' as const,
  ),
  at: fc.nat({ max: 1 }),
})
const history: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: ask as fc.Arbitrary<Step> },
    { weight: 2, arbitrary: disturb },
    { weight: 2, arbitrary: fc.constant({ does: 'wait' as const }) },
  ),
  { minLength: 20, maxLength: 60 },
)

let ledger: TestLedger
const room = instanceRoom(() => ledger)
let runs = 0

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterAll(() => ledger.stop())

type Asked = {
  readonly request: Request
  readonly given: boolean
  readonly instance: TestInstance
  readonly outcome: Promise<Outcome>
}

const submit = (instance: TestInstance, { type, customer, amount, given }: Ask, n: number): Asked => {
  const [from, to] = [`r${runs}-${customer}`, `r${runs}-${(customer + 1) % CUSTOMERS}`]
  const transaction_id = `r${runs}-t${n}`
  const command =
    type === 'transfer'
      ? transfer(from, to, amount, transaction_id)
      : movement(type, from, amount, transaction_id)
  const outcome = new Promise<Outcome>(resolve =>
    instance.router.take({ command, has_given_id: given }, resolve),
  )
  return {
    request: { type, from, to, amount, reference: undefined, transaction_id },
    given,
    instance,
    outcome,
  }
}

const isBetweenInstances = (subject: string): boolean => subject.startsWith('customer.instance.')

/** Three instances, and the commands that were given to them. */
const createStage = (instances: readonly TestInstance[]) => {
  const gone = new Set<TestInstance>()
  const killed = new Set<TestInstance>()
  const leaving: Promise<void>[] = []
  const asked: Asked[] = []
  const answered = (): Asked[] => asked.filter(({ instance }) => !killed.has(instance))

  const heal = ({ links, release }: TestInstance): void => {
    links.sends = () => true
    links.hears = () => true
    release()
  }
  const does: Readonly<Record<Disturb['does'], (instance: TestInstance) => Promise<void> | void>> = {
    kill: instance => {
      gone.add(instance)
      killed.add(instance)
      return instance.kill()
    },
    leave: instance => {
      gone.add(instance)
      leaving.push(instance.stop())
    },
    silence: ({ links }) => {
      links.sends = subject => !isBetweenInstances(subject)
    },
    deafen: ({ links }) => {
      links.hears = subject => !isBetweenInstances(subject)
    },
    heal,
  }

  return {
    take: async (step: Step): Promise<void> => {
      if (step.does === 'wait') {
        await answered().at(-1)?.outcome
        return
      }
      const instance = instances[step.at]
      if (instance === undefined || gone.has(instance)) return
      if (step.does === 'ask') asked.push(submit(instance, step, asked.length))
      else await does[step.does](instance)
    },
    /** Ends all disturbances, and resolves with the commands and their outcomes. */
    end: async (): Promise<readonly (readonly [Asked, Outcome])[]> => {
      for (const instance of instances) if (!gone.has(instance)) heal(instance)
      const outcomes = await Promise.all(
        answered().map(async (each): Promise<readonly [Asked, Outcome]> => [each, await each.outcome]),
      )
      await Promise.all(leaving)
      await room.stopAll()
      return outcomes
    },
  }
}

const expectTrue = (model: Model, { request, given }: Asked, outcome: Outcome): void => {
  const answer = answerOf(outcome)
  const is_known = model.knows(request.transaction_id)
  if (NOT_STORED.includes(answer.code)) expect({ answer, is_known }).toEqual({ answer, is_known: false })
  else if (answer.code !== 'OUTCOME_UNKNOWN')
    expect(model.objection(request, given || is_known, answer)).toBeUndefined()
}

const play = async (steps: readonly Step[]): Promise<void> => {
  runs += 1
  const begin_seq = (await lastSeq(ledger.jsm)) + 1
  const stage = createStage([await room.start(), await room.start(), await room.start()])
  for (const step of steps) await stage.take(step)
  const outcomes = await stage.end()
  const model = new Model()
  // it throws when an id is stored twice, and when an event has no effect
  for (const stored of await storedFrom(ledger.jsm, begin_seq)) model.fold(stored)
  expect(model.halves()).toEqual([])
  for (const [asked, outcome] of outcomes) expectTrue(model, asked, outcome)
}

it('stores every command once and answers what is true, whatever becomes of the instances', async () => {
  await fc.assert(fc.asyncProperty(history, play), {
    numRuns: RUNS,
    endOnFailure: true,
    interruptAfterTimeLimit: 25_000,
    markInterruptAsFailure: false,
  })
})
