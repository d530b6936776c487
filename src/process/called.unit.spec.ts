import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { calledFrom, shellWord } from './called.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

it('calls npx only where it finds this program', () => {
  for (const folder of [CHECKOUT, join(CHECKOUT, 'docs'), join(CHECKOUT, '..folder')])
    expect(calledFrom(folder), folder).toBe('npx jetledger')
  for (const folder of [dirname(CHECKOUT), `${CHECKOUT}-2`, '/'])
    expect(calledFrom(folder), folder).toBe(shellWord(join(CHECKOUT, 'bin/jetledger.js')))
})

it('makes one word of a shell of any text', () => {
  expect(shellWord('/a/b-c.d')).toBe('/a/b-c.d')
  expect(shellWord("it's a")).toBe(`'it'\\''s a'`)
  expect(shellWord('$(x)')).toBe(`'$(x)'`)
})
