import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FAULTS } from './index.js'

it('every fault has a unique name of letters and hyphens, and docs/reliability.md names it', () => {
  const names = FAULTS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  const page = readFileSync(new URL('../../../docs/reliability.md', import.meta.url), 'utf8')
  const missing = names.filter(name => !page.includes(`\`${name}\``))
  expect({ odd: names.filter(name => !/^[a-z-]+$/.test(name)), missing }).toEqual({ odd: [], missing: [] })
})

it('every fault has a bounded duration', () => {
  for (const { for_ms } of FAULTS) {
    const [min, max] = for_ms
    expect(min > 0 && min <= max && max <= 60_000).toBe(true)
  }
})
