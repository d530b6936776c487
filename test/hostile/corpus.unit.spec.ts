/** The corpus has the stated size, and each of its inputs has a name of its own. */

import { expect, it } from 'vitest'
import * as corpus from './corpus/index.js'

const LISTS = Object.entries(corpus).filter(([name]) => name !== 'DEPUTY') as [
  string,
  readonly { readonly name: string }[],
][]

it('has a thousand inputs, some of every kind', () => {
  expect(LISTS.map(([name]) => name).toSorted()).toEqual([
    'COMMANDS',
    'CONTROL',
    'DEPUTIES',
    'EVENT_BODIES',
    'EVENT_CLAIMS',
    'EVENT_HEADERS',
    'HTTP',
    'HTTP_TIMES',
    'PUBLISHED',
    'QUERIES',
    'TIMES',
  ])
  for (const [name, inputs] of LISTS) expect(inputs.length, name).toBeGreaterThanOrEqual(8)
  expect(LISTS.flatMap(([, inputs]) => inputs).length).toBeGreaterThanOrEqual(1_000)
})

it('names each input once', () => {
  const seen = new Set<string>()
  const twice = LISTS.flatMap(([, inputs]) => inputs).filter(({ name }) => {
    const isKnown = seen.has(name)
    seen.add(name)
    return isKnown
  })
  expect(twice.map(({ name }) => name)).toEqual([])
})
