import { describe, expect, it } from 'vitest'
import { unusualWrites } from './config-writes.js'

const at = (...records: readonly (readonly [string, number, string])[]) =>
  new Map(records.map(([key, revision, text]) => [key, { key, revision, text }]))

const record = (created: string, newest_seq: number, epoch = 1): string =>
  JSON.stringify({
    epoch,
    stream: { created, missing: 0, newest: { seq: newest_seq, checksum: 'c', at_ms: 1 } },
    letters_created: 'l',
  })

const BEFORE = [
  ['seed', 1, 'done'],
  ['projection.ledger', 2, '{"generation":1}'],
  ['ledger', 9, record('2026', 5)],
  ['status.ledger', 10, '{"seq":5}'],
  ['parked.ledger.Njc4', 11, '{"seq":4}'],
] as const

describe('writes to the bucket config', () => {
  it('are routine where instances renew their records', () => {
    const after = at(
      BEFORE[0],
      BEFORE[1],
      ['ledger', 12, record('2026', 8)],
      ['status.ledger', 13, '{"seq":8}'],
      ['parked.ledger.Njc4', 14, '{"seq":6}'],
    )
    expect(unusualWrites(at(...BEFORE), after)).toEqual([])
  })

  it.each([
    ['a pointer, also with the same text', 'projection.ledger', '{"generation":1}'],
    ['the record of another stream', 'ledger', record('2027', 5)],
    ['a record that a person accepted', 'ledger', record('2026', 5, 2)],
    ['a record that is none', 'ledger', 'x'],
    ['the seed, deleted', 'seed', ''],
    ['a parked customer who is no longer one', 'parked.ledger.Njc4', ''],
    ['another parked customer', 'parked.ledger.NDcxMQ', '{"seq":4}'],
    ["a replay's lock", 'replay.ledger', '{"holder":"a"}'],
    ['a key of nobody', 'other', 'x'],
  ])('are told: %s', (_, key, text) => {
    expect(unusualWrites(at(...BEFORE), at(...BEFORE, [key, 20, text]))).toEqual([key])
  })

  it('are told when the bucket was made anew', () => {
    expect(unusualWrites(at(...BEFORE), at())).toEqual([
      'seed',
      'projection.ledger',
      'ledger',
      'parked.ledger.Njc4',
    ])
  })
})
