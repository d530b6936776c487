/** Commands that can never be stored as they are: each is answered by itself, and what it was queued with is stored. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, movement, storedFrom } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import type { Movement } from '../../ledger/command.js'

const room = coordinatorRoom()
let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterEach(() => room.stopAll())
afterAll(() => ledger.stop())

const GOOD = 20
const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

/** What a codec refuses, but an coordinator may meet all the same. */
const BAD: readonly [what: string, more: Partial<Movement>, code: string, text: string][] = [
  ['an id with a line break', { transaction_id: 'x\ny' }, 'INVALID_REQUEST', 'Nats-Msg-Id'],
  ['metadata that is no JSON', { metadata: cyclic }, 'INVALID_REQUEST', 'circular'],
  ['an event larger than the stream takes', { reference: 'r'.repeat(100_000) }, 'PAYLOAD_TOO_LARGE', 'bytes'],
  ['an event larger than the server takes', { reference: 'ü'.repeat(600_000) }, 'PAYLOAD_TOO_LARGE', 'bytes'],
]

const bad = (name: string, more: Partial<Movement>): Movement => ({
  ...movement('credit', name, 1),
  ...more,
})

const ids = async (prefix: string): Promise<string[]> =>
  (await storedFrom(ledger.jsm, 1)).map(({ id }) => id).filter(id => id.startsWith(prefix))

describe.each(BAD)('%s', (what, more, code, text) => {
  const name = what.replaceAll(/\W+/g, '-')

  it('is the fault of its command alone: the rest of the group is stored', async () => {
    const coordinator = room.start(ledger, { timeout_ms: 3_000 })
    const began_ms = performance.now()
    const [refused, ...outcomes] = await Promise.all([
      coordinator.submit(bad(`${name}-bad`, more), true),
      ...Array.from({ length: GOOD }, (_, i) =>
        coordinator.submit(movement('credit', `${name}-${i}`, 1), i % 2 === 0),
      ),
    ])
    expect(outcomes.map(codeOf)).toEqual(Array(GOOD).fill('done'))
    expect(refused).toMatchObject({ tag: 'failed', code })
    expect(JSON.stringify(refused)).toContain(text)
    // nobody waited for the time-out of a batch that can never be stored
    expect(performance.now() - began_ms).toBeLessThan(3_000)
    expect((await ids(`${name}-`)).sort()).toEqual(
      Array.from({ length: GOOD }, (_, i) => `${name}-${i}`).sort(),
    )
  })

  it('refuses the whole of an atomic batch, and says where it is', async () => {
    const coordinator = room.start(ledger, { timeout_ms: 3_000 })
    const commands = [movement('credit', `all-${name}`, 1), bad(`all-${name}-bad`, more)]
    expect(await coordinator.submitAll(commands, true)).toMatchObject({
      tag: 'failed',
      code,
      details: { index: 1 },
    })
    expect(await ids(`all-${name}`)).toEqual([])
  })
})

it('many commands that cannot be sent are answered in one go', async () => {
  const coordinator = room.start(ledger, { timeout_ms: 3_000 })
  const outcomes = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) =>
      coordinator.submit(bad(`many-${i}`, { transaction_id: `m${i}\r\n` }), false),
    ),
  )
  expect(new Set(outcomes.map(codeOf))).toEqual(new Set(['INVALID_REQUEST']))
  expect(codeOf(await coordinator.submit(movement('credit', 'many-ok', 1), true))).toBe('done')
})
