/** Only a few listed files of src turn bytes into plain data, or copy fields of decoded objects, by themselves. */

import { describe, expect, it } from 'vitest'
import { isTestCode, type Rule, readTree, withoutComments } from './support/source-tree.js'

/** Patterns of code that only the listed files of src may contain. */
const DOORS: readonly (readonly [RegExp, readonly string[], string])[] = [
  [
    /\bJSON\.parse\b|\.json\s*(?:<[^()]*>)?\(\s*\)/,
    // the last two read files of this package
    ['src/json.ts', 'src/process/version.ts', 'src/embedded/binaries.ts'],
    'reads JSON by itself: src/json.ts has the two readings',
  ],
  [
    /\bt\.(?:type|partial|intersection|exact|strict|record|dictionary|recursion)\b(?!\s*===)/,
    ['src/ledger/codec.ts'],
    'copies what no codec checked: fieldsOf, exactFieldsOf and recordOf of src/ledger/codec.ts do not',
  ],
  [/\bObject\.assign\s*\(\s*\{/, [], 'makes a prototype of a field __proto__: spread the object instead'],
]
const oneDoorToData: Rule = ({ path, text }) => {
  if (!path.startsWith('src/') || isTestCode(path)) return []
  const code = withoutComments(text)
  return DOORS.filter(([pattern, allowed]) => pattern.test(code) && !allowed.includes(path)).map(
    ([, , what]) => `${path} ${what}`,
  )
}

it('reads JSON and decodes objects in one place each', () => {
  expect(readTree().flatMap(oneDoorToData)).toEqual([])
})

describe('the rule', () => {
  it.each([
    'const a = JSON.parse(text)',
    'texts.map(JSON.parse)',
    'const { error } = reply.json<{ error?: unknown }>()',
    'await response.json()',
    't.intersection([A, B])',
    't.partial({ a: t.string })',
    'pipe(u, t.type({}).decode)',
    't.record(t.string, t.string)',
    'Object.assign({}, fields)',
  ])('finds a second door in: %s', text => {
    expect(oneDoorToData({ path: 'src/stream/a.ts', text })).toHaveLength(1)
    expect(oneDoorToData({ path: 'src/stream/a.int.spec.ts', text })).toEqual([])
  })

  it.each([
    '// JSON.parse(text)',
    'json(fate)',
    'replies.json(value)',
    't.union([A, B])',
    'event.type === "credit"',
    'Object.assign(new Error(text), { statusCode: 400 })',
  ])('finds none in: %s', text => {
    expect(oneDoorToData({ path: 'src/stream/a.ts', text })).toEqual([])
  })
})
