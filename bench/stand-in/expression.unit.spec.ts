import { expect, it } from 'vitest'
import { applyUpdate, readCondition } from './expression.js'

const WORDS = {
  ExpressionAttributeNames: { '#state': 'state' },
  ExpressionAttributeValues: {
    ':five': { N: '5' },
    ':ten': { N: '10' },
    ':big': { N: '9223372036854775807' },
    ':full': { S: 'full' },
  },
}
const ITEM = { id: { S: 'a' }, seq: { N: '7' }, state: { S: 'full' } }

it.each([
  ['attribute_not_exists(id)', false, true],
  ['attribute_exists(id)', true, false],
  ['NOT attribute_exists(id)', false, true],
  ['seq = :five', false, false],
  ['seq <> :five', true, false],
  ['seq < :ten AND seq >= :five', true, false],
  ['seq BETWEEN :five AND :ten', true, false],
  ['seq BETWEEN :five AND :five', false, false],
  ['seq BETWEEN :five AND :ten AND #state = :full', true, false],
  ['seq = :ten OR #state = :full', true, false],
  ['attribute_not_exists(id) OR (seq = :ten AND attribute_not_exists(parked))', false, true],
  ['seq < :big', true, false],
  ['seq < :full', false, false],
])('%s', (text, of_item, of_nothing) => {
  const condition = readCondition(text, WORDS)
  expect([condition(ITEM), condition(undefined)]).toEqual([of_item, of_nothing])
})

it.each([
  'contains(id, :full)',
  'seq = :missing',
  'seq = ',
  'seq = :five seq',
  '#none = :five',
  'seq ~ :five',
])('a condition that the stand-in does not know is refused: %s', text => {
  expect(() => readCondition(text, WORDS)).toThrow()
})

it('an update sets attributes, and adds to numbers that may be missing', () => {
  expect(applyUpdate('SET seq = :ten, #state = :full', WORDS, ITEM)).toEqual({ ...ITEM, seq: { N: '10' } })
  expect(applyUpdate('ADD seq :big, more :five', WORDS, ITEM)).toEqual({
    ...ITEM,
    seq: { N: '9223372036854775814' },
    more: { N: '5' },
  })
  expect(() => applyUpdate('ADD #state :five', WORDS, ITEM)).toThrow('only numbers')
  expect(() => applyUpdate('REMOVE seq', WORDS, ITEM)).toThrow('expected ADD')
  expect(() => applyUpdate('SET seq = seq + :five', WORDS, ITEM)).toThrow('does not know')
})
