/** The program still has the words that mutants replace: a mutant without a change would prove nothing. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { LAW_MUTANTS } from './support/law-mutants.js'
import { MUTANTS, timesIn } from './support/mutants.js'
import { ROOT, withoutComments } from './support/source-tree.js'

const replacements = MUTANTS.flatMap(({ without, replacements: own }) =>
  own.map(replacement => ({ without, ...replacement })),
)

const faults = LAW_MUTANTS.map(({ fault, ...replacement }) => ({ without: fault, ...replacement }))

it.each([...replacements, ...faults])(
  '$file has once what $without is taken out at',
  ({ file, from, to }) => {
    const source = withoutComments(readFileSync(join(ROOT, 'src', `${file}.ts`), 'utf8'))
    expect(timesIn(source, from)).toBe(1)
    expect(from).not.toContain('\n')
    expect(to).not.toBe(from)
  },
)

it('there is one mutant for each safeguard', () => {
  expect(new Set(MUTANTS.map(({ without }) => without)).size).toBe(6)
  expect(new Set(LAW_MUTANTS.map(({ fault }) => fault)).size).toBe(LAW_MUTANTS.length)
})
