/**
 * Source rules that the linter does not check: a pure ledger, a limit on file size, a comment at the top of each file, and one
 * meaning for each name of an exported type.
 */

import { describe, expect, it } from 'vitest'
import { isTestCode, type Rule, readTree, type SourceFile, withoutStrings } from './support/source-tree.js'

const LINES_MAX = 400

const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\b(?!\s*\(\s*[^\s)])/, 'new Date()'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bprocess\s*\./, 'process'],
  [/\bperformance\s*\./, 'performance'],
  [/\bcrypto\s*\./, 'crypto'],
  [/\bset(?:Timeout|Interval|Immediate)\b/, 'timers'],
]
const pureLedger: Rule = file => {
  if (!file.path.startsWith('src/ledger/') || isTestCode(file.path)) return []
  const code = withoutStrings(file.text)
  return IMPURE.filter(([pattern]) => pattern.test(code)).map(
    ([, name]) => `${file.path} uses ${name}: src/ledger is pure, hand it the value instead`,
  )
}

const notTooLong: Rule = ({ path, text }) => {
  const lines = text.replace(/\n$/, '').split('\n').length
  return lines > LINES_MAX ? [`${path} has ${lines} lines: split it, ${LINES_MAX} is the limit`] : []
}

const saysWhatItIsFor: Rule = ({ path, text }) =>
  path.startsWith('src/') && !path.endsWith('.spec.ts') && !text.startsWith('/**')
    ? [`${path} does not start with a module comment: /** what this file is for */`]
    : []

const EXPORTED_TYPE = /^export (?:type|interface|class) (\w+)/gm
/** Second opinions on the rest of the program: they share none of its code, so they name the same things again. */
const SECOND_OPINION = /^src\/(?:verify|chaos\/checker|check-server)\//

/** One sentence for each name that two exported types of the program have. */
const sharedNames = (files: readonly SourceFile[]): readonly string[] => {
  const places = new Map<string, string[]>()
  for (const { path, text } of files) {
    if (!path.startsWith('src/') || isTestCode(path) || SECOND_OPINION.test(path)) continue
    for (const [, name = ''] of text.matchAll(EXPORTED_TYPE))
      places.set(name, [...(places.get(name) ?? []), path])
  }
  return [...places]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${name} has several meanings: ${paths.join(', ')}`)
}

describe('the source tree', () => {
  const tree = readTree()
  const problems = (rule: Rule): readonly string[] => tree.flatMap(rule)

  it('is there to be read', () => {
    expect(tree.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['src/fp.ts', 'src/service/service.ts', 'test/source-rules.unit.spec.ts']),
    )
  })

  it.each<[string, Rule]>([
    ['has a pure ledger', pureLedger],
    [`has no file of more than ${LINES_MAX} lines`, notTooLong],
    ['says at the top of each file what it is for', saysWhatItIsFor],
  ])('%s', (_, rule) => {
    expect(problems(rule)).toEqual([])
  })

  it('gives each exported type a name of its own', () => {
    expect(sharedNames(tree)).toEqual([])
  })
})

describe('the rules', () => {
  it.each([
    'const now = Date.now()',
    'const now = new Date()',
    'const now = new Date',
    'const n = Math.random()',
    'const e = process.env',
    `const t = \`\${Date.now()}\``,
    'setTimeout(f, 1)',
  ])('find the ledger impure with: %s', text => {
    expect(pureLedger({ path: 'src/ledger/a.ts', text })).toHaveLength(1)
    expect(pureLedger({ path: 'src/stream/a.ts', text })).toEqual([])
  })

  it('find nothing impure in comments, strings and dates that are given', () => {
    const text = "// Date.now()\nconst at = new Date(at_ms)\nconst why = 'process.exit'\n"
    expect(pureLedger({ path: 'src/ledger/a.ts', text })).toEqual([])
  })

  it('count lines, and want a comment at the top of the files of src', () => {
    const lines = (count: number): SourceFile => ({ path: 'src/fp.ts', text: '/** */\n'.repeat(count) })
    expect(notTooLong(lines(LINES_MAX))).toEqual([])
    expect(notTooLong(lines(LINES_MAX + 1))).toEqual(['src/fp.ts has 401 lines: split it, 400 is the limit'])
    expect(saysWhatItIsFor({ path: 'src/fp.ts', text: "import 'nats'\n" })).toHaveLength(1)
    expect(saysWhatItIsFor({ path: 'src/a.unit.spec.ts', text: "import 'nats'\n" })).toEqual([])
    expect(saysWhatItIsFor(lines(1))).toEqual([])
  })

  it('find two exported types with one name, but not in code that gives a second opinion', () => {
    const file = (path: string): SourceFile => ({
      path,
      text: 'export type Reply = string\nexport class A {}\n',
    })
    const own = { path: 'src/a.ts', text: 'type Reply = string\nexport const A = 1\n' }
    expect(sharedNames([file('src/b.ts'), file('src/verify/a.ts'), file('src/a.unit.spec.ts'), own])).toEqual(
      [],
    )
    expect(sharedNames([file('src/b.ts'), file('src/c.ts')])).toEqual([
      'Reply has several meanings: src/b.ts, src/c.ts',
      'A has several meanings: src/b.ts, src/c.ts',
    ])
  })
})
