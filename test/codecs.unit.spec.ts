/** No codec of an object in the program treats names such as `__proto__` and `constructor` specially. */

import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { E, type t } from '../src/fp.js'
import { describeErrors } from '../src/ledger/codec.js'
import { isTestCode, ROOT, readTree, withoutComments } from './support/source-tree.js'

type Fields = Readonly<Record<string, t.Mixed>>
type Made = {
  readonly kind: 'fieldsOf' | 'exactFieldsOf' | 'recordOf'
  readonly codec: t.Mixed
  /** The codecs of its fields; for a record, `values` is the codec of its values. */
  readonly fields: Fields
}

const made = vi.hoisted((): Made[] => [])

// the functions that make codecs are wrapped, so that this test sees every codec without its being exported
vi.mock('../src/ledger/codec.js', async importOriginal => {
  const original = await importOriginal<typeof import('../src/ledger/codec.js')>()
  const noting =
    (kind: Made['kind'], make: (...parts: never[]) => unknown) =>
    (...parts: readonly Fields[]): t.Mixed => {
      const codec = make(...(parts as never[])) as t.Mixed
      const fields =
        kind === 'recordOf' ? { values: parts[0] as unknown as t.Mixed } : Object.assign({}, ...parts)
      made.push({ kind, codec, fields })
      return codec
    }
  return {
    ...original,
    fieldsOf: noting('fieldsOf', original.fieldsOf),
    exactFieldsOf: noting('exactFieldsOf', original.exactFieldsOf),
    recordOf: noting('recordOf', original.recordOf),
  }
})

const MAKES = /\b(?:fieldsOf|exactFieldsOf|recordOf)\(/g
/** Finds files that import these functions from codec.js, because other functions may have the same names. */
const IMPORTS = /\bimport\s*\{[^}]*Of\b[^}]*\}\s*from\s*'[^']*\/codec\.js'/
const makers = readTree()
  .filter(({ path, text }) => path.startsWith('src/') && !isTestCode(path) && IMPORTS.test(text))
  .map(({ path, text }) => ({ path, times: [...withoutComments(text).matchAll(MAKES)].length }))
  .filter(({ times }) => times > 0)

/** Every field of every codec accepts one of these values. Examples of codecs are added to them. */
const POOL: unknown[] = [
  { deep: [{}] },
  ...[
    'a',
    'EUR',
    'credit',
    'INSUFFICIENT_FUNDS',
    '0 0 frozen - "r"',
    'frozen',
    'hold',
    '2027-01-31T00:00:00.000Z',
    'read',
    'savepoints',
    'retrying',
    'retried',
    'discarded',
    'strong',
    'commands',
    'ledger',
    'filling',
    'serving',
    'i'.repeat(22),
    'A'.repeat(56),
    `${'A'.repeat(43)}=`,
  ],
  ['one', 1],
  [1, []],
  ...['2026-01-01T00:00:00Z', '2026-01-01', '1', '{}', 'f'.repeat(64), 'https://a.example', 'info'],
  ...[1, 1n, true, undefined],
]

const accepts = (codec: t.Mixed, value: unknown): boolean => E.isRight(codec.decode(value))

const exampleOf = (codec: t.Mixed): unknown => {
  const candidates = [...POOL.toReversed(), ...POOL.map(value => [value])]
  const found = candidates.find(value => accepts(codec, value))
  if (found === undefined && !accepts(codec, undefined))
    throw new Error(`no value fits the codec ${codec.name}`)
  return found
}

const exampleOfFields = ({ kind, fields }: Made): object => {
  const example = Object.entries(fields).map(([name, codec]) => [name, exampleOf(codec)])
  return Object.fromEntries(example.filter(([, value]) => value !== undefined || kind === 'recordOf'))
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

const HOSTILE = ['__proto__', 'constructor', 'prototype']

/** Copies of a value, each with an own field `name` added to another one of its objects. */
const withName = (value: unknown, name: string, junk: unknown): readonly unknown[] => {
  if (Array.isArray(value)) {
    return value.flatMap((one, i) => withName(one, name, junk).map(other => value.with(i, other)))
  }
  if (!isPlain(value)) return []
  const entries = Object.entries(value)
  const inner = entries.flatMap(([field, one], i) =>
    withName(one, name, junk).map(other => Object.fromEntries(entries.with(i, [field, other]))),
  )
  return [Object.fromEntries([...entries, [name, junk]]), ...inner]
}

/** Removes the hostile names from a value; throws when one of them has become a prototype. */
const cleaned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  if ('polluted' in value) throw new Error('a field can be read that nobody checked')
  if (!isPlain(value)) return value
  const kept = Object.entries(value).filter(([name]) => !HOSTILE.includes(name))
  return Object.fromEntries(kept.map(([name, one]) => [name, cleaned(one)]))
}

const junkFor = ({ fields }: Made, name: string): unknown => {
  const junk = { ...Object.fromEntries(Object.keys(fields).map(field => [field, 'x\ny'])), polluted: true }
  return name === 'constructor' ? { prototype: junk, ...junk } : junk
}

const checkCodec = (one: Made, example: object): void => {
  const { codec, kind } = one
  const right = codec.decode(example)
  if (E.isLeft(right)) throw new Error(`${JSON.stringify(example)}: ${describeErrors(right.left)}`)
  for (const name of HOSTILE) {
    for (const [index, input] of withName(example, name, junkFor(one, name)).entries()) {
      const decoded = codec.decode(input)
      if (E.isRight(decoded)) {
        expect(cleaned(decoded.right)).toEqual(cleaned(right.right))
        expect(kind === 'exactFieldsOf' && index === 0).toBe(false)
      } else expect(describeErrors(decoded.left)).toContain(name)
    }
  }
}

/** The time limit is long, because the test imports nearly the whole program. */
const IMPORT_MS_MAX = 60_000

it(
  'all codecs of objects take nothing from a field __proto__, constructor or prototype, at any depth',
  async () => {
    for (const { path } of makers) await import(/* @vite-ignore */ join(ROOT, path))
    // this test cannot see a codec that is made inside a function: make each codec once, at the top level
    expect(made.length).toBe(makers.reduce((sum, { times }) => sum + times, 0))
    for (const one of made) {
      const example = exampleOfFields(one)
      checkCodec(one, example)
      POOL.push(example)
    }
  },
  IMPORT_MS_MAX,
)
