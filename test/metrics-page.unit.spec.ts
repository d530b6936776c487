/** The table of metrics in docs/http.md has every metric of the program. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isTestCode, ROOT, readTree } from './support/source-tree.js'

const page = readFileSync(join(ROOT, 'docs', 'http.md'), 'utf8')
/** The names in the table; a row may shorten the ones after the first to their ending: `jetledger_a_b_total`, `_c_total`. */
const named = page
  .split('\n')
  .filter(line => line.startsWith('| `jetledger_'))
  .flatMap(line => {
    const [cell = ''] = line.slice(2).split(' | ')
    const [first = '', ...others] = [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
    const stem = first.split('_').slice(0, 2).join('_')
    return [first, ...others.map(name => (name.startsWith('_') ? `${stem}${name}` : name))]
  })

const metrics = readTree()
  .filter(({ path }) => path.startsWith('src/') && !isTestCode(path))
  .flatMap(({ text }) => [...text.matchAll(/'(jetledger_\w+)'/g)].map(([, name = '']) => name))

it('names every metric of the program, and no other one', () => {
  expect([...new Set(named)].sort()).toEqual([...new Set(metrics)].sort())
})
