/** Each promise about reversals is broken once on purpose. */

import { describe, expect, it } from 'vitest'
import { fullRun, REVERSAL_SEQS } from '../testing/full-run.js'
import { brokenBy, withText } from '../testing/plant.js'
import { answeredAt, changeCall, changeEntry, OPS, type Run, refusedWith } from '../testing/run.js'

describe('of a reversal, the check', () => {
  const { taken, refused } = REVERSAL_SEQS
  it.each<[name: string, what: string, plant: (run: Run) => void]>([
    [
      'reversals',
      'more than the transaction',
      run => changeEntry(run, taken, withText('"amount":30', '"amount":90')),
    ],
    ['reversals', 'the same way again', run => changeEntry(run, taken, withText('"debit"', '"credit"'))],
    [
      'reversals',
      'an unknown transaction',
      run => changeEntry(run, taken, withText('"reverses":"id-k27"', '"reverses":"id-k0"')),
    ],
    [
      'reversals',
      'a refusal though enough is left',
      run => changeEntry(run, refused, withText('"amount":60', '"amount":50')),
    ],
    [
      'reversals',
      'a transaction that is not found after it was seen',
      run =>
        changeCall(run, OPS.reversal, () => ({ end: refusedWith(answeredAt(OPS.reversal), 'NOT_FOUND') })),
    ],
    [
      'nothing stored',
      'what was answered with NOT_FOUND',
      run =>
        changeCall(run, OPS.reversal, () => ({ end: refusedWith(answeredAt(OPS.reversal), 'NOT_FOUND') })),
    ],
    [
      'acknowledged',
      'another amount than was asked for',
      run => changeEntry(run, taken, withText('"amount":30', '"amount":31')),
    ],
    [
      'refusals',
      'another balance than the account had',
      run => changeEntry(run, refused, withText('"balance":150,"remaining"', '"balance":151,"remaining"')),
    ],
  ])('%s sees %s', (name, _, plant) => {
    expect(brokenBy(plant, fullRun())).toContain(name)
  })
})
