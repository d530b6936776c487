/**
 * Generates JSON texts that are nearly right: an object of known fields, written in one of the many ways that JSON allows,
 * with at most a few errors. Each text carries the expected verdict of its reader.
 */

import fc from 'fast-check'

/**
 * The expected verdict on a text. `good`: the text is valid. `bad`: a strict reader must refuse it because of a field. `any`:
 * the verdict is not known, but the text must be answered.
 */
export type Worth = 'good' | 'bad' | 'any'

export type JsonText = { readonly text: string; readonly worth: Worth }

/** A member of an object as JSON text. */
type Member = { readonly name: string; readonly value: string }
type Fields = Readonly<Record<string, JsonText>>

const worst = (worths: readonly Worth[]): Worth =>
  worths.includes('any') ? 'any' : worths.includes('bad') ? 'bad' : 'good'

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A string as JSON text; `which` chooses a character to escape, or none. */
const quotedWith = (text: string, which: number): string => {
  const quoted = JSON.stringify(text)
  const at = which % (quoted.length * 4)
  const char = quoted[at]
  return char !== undefined && /[A-Za-z0-9]/.test(char) && !quoted.includes('\\')
    ? quoted.slice(0, at) + escaped(char) + quoted.slice(at + 1)
    : quoted
}

const blank = fc.constantFrom('', '', '', '', ' ', '\n', '\t\r\n ')

/** A string as JSON text; some texts write one character as an escape. */
export const textOf = (value: fc.Arbitrary<string>, worth: Worth = 'good'): fc.Arbitrary<JsonText> =>
  fc.tuple(value, fc.nat()).map(([text, which]) => ({ text: quotedWith(text, which), worth }))

const PROTOTYPES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'toJSON', 'then']

/** Any JSON value, at any depth. */
const anyValue: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.json({ maxDepth: 3 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('null', 'true', '""', '{}', '[]', '0', '-0', '1e400', '1E20', '-1'),
  },
  { weight: 1, arbitrary: fc.constantFrom('"\\ud800"', '"\\u0000"', '"\\r\\nA: b"', '"\\u001b]0;x\\u0007"') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PROTOTYPES).map(name => `{"${name}":{"amount":9,"limit":60000}}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(20, 33, 1_000, 30_000).map(depth => '['.repeat(depth) + ']'.repeat(depth)),
  },
  { weight: 1, arbitrary: fc.constantFrom(10, 500, 20_000).map(times => `[${Array(times).fill('1E20')}]`) },
  { weight: 1, arbitrary: fc.constantFrom(300, 3_000, 200_000).map(length => `"${'x'.repeat(length)}"`) },
)

const digits = fc.bigInt(1n, 2n ** 53n - 1n)

/** Amounts as JSON text: whole numbers that a double holds exactly are good, all others are bad. */
export const amountText: fc.Arbitrary<JsonText> = fc
  .oneof(
    {
      weight: 8,
      arbitrary: fc.integer({ min: 1, max: 1_000 }).map(n => ({ text: `${n}`, worth: 'good' as const })),
    },
    { weight: 2, arbitrary: digits.map(n => ({ text: `${n}`, worth: 'good' as const })) },
    { weight: 2, arbitrary: digits.map(n => ({ text: `"${n}"`, worth: 'good' as const })) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 999 }).map(n => ({ text: `${n}.0`, worth: 'good' as const })),
    },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 99 }).map(n => ({ text: `${n}e2`, worth: 'good' as const })),
    },
    {
      weight: 1,
      arbitrary: fc.bigInt(2n ** 53n + 1n, 2n ** 90n).map(n => ({ text: `${n}`, worth: 'bad' as const })),
    },
    {
      weight: 1,
      arbitrary: fc.bigInt(2n ** 63n, 2n ** 90n).map(n => ({ text: `"${n}"`, worth: 'bad' as const })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.nat({ max: 9_999 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }))
        .map(([n, zeros, digit]) => ({ text: `${n}.${'0'.repeat(zeros)}${digit}`, worth: 'bad' as const })),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '0',
        '-0',
        '-1',
        '0.99999999999999999999',
        '4503599627370497.5',
        '1e-400',
        '"01"',
      ),
    },
  )
  .map(found => (typeof found === 'string' ? { text: found, worth: 'bad' as const } : found))

type Change = (members: readonly Member[], which: number, value: string) => readonly [Member[], Worth]

const insertAt = (members: readonly Member[], which: number, member: Member): Member[] =>
  members.toSpliced(which % (members.length + 1), 0, member)

/** The possible errors of an object, each with the worth of the changed object. */
const CHANGES: readonly Change[] = [
  // adds a name that the reader does not know
  (members, which, value) => {
    const names = [...PROTOTYPES, 'transactionId', 'refrence', 'Amount', '', 'a\u0000', '\u20ac']
    return [insertAt(members, which, { name: JSON.stringify(names[which % names.length]), value }), 'bad']
  },
  // repeats a name, once perhaps with an escaped character
  (members, which, value) => {
    const twin = members[which % members.length]
    if (twin === undefined) return [[...members], 'good']
    return [
      insertAt(members, which, { name: quotedWith(JSON.parse(twin.name) as string, which), value }),
      'bad',
    ]
  },
  // replaces a value
  (members, which, value) => {
    const at = which % Math.max(members.length, 1)
    return [members.map((member, i) => (i === at ? { ...member, value } : member)), 'any']
  },
  // removes a member
  (members, which) => [members.toSpliced(which % Math.max(members.length, 1), 1), 'any'],
]

/** Damages of a text, independent of its content. */
const DAMAGES: readonly ((text: string, which: number) => string)[] = [
  (text, which) => text.slice(0, which % (text.length + 1)),
  (text, which) => text.slice(0, which % (text.length + 1)) + text.slice((which % (text.length + 1)) + 1),
  (text, which) =>
    `${text.slice(0, which % (text.length + 1))}\u0000${text.slice(which % (text.length + 1))}`,
  text => `\ufeff${text}`,
  text => `${text}${text}`,
  text => `[${text}]`,
  text => text.replace('}', ',}'),
  text => text.replaceAll('"', "'"),
]

const objectText = (members: readonly Member[], blanks: readonly string[]): string => {
  const space = (i: number): string => blanks[i % Math.max(blanks.length, 1)] ?? ''
  const written = members.map(
    ({ name, value }, i) => `${space(i)}${name}${space(i + 1)}:${value}${space(i + 2)}`,
  )
  return `${space(3)}{${written.join(',')}}${space(5)}`
}

/**
 * Objects with these fields; the `optional` fields may be missing. `isTolerant`: the reader ignores unknown fields, so that an
 * object with any other error has the worth `any`.
 */
export const objectsOf = (
  fields: Readonly<Record<string, fc.Arbitrary<JsonText>>>,
  optional: readonly string[],
  isTolerant = false,
): fc.Arbitrary<JsonText> =>
  fc
    .record({
      fields: fc.record(fields, {
        requiredKeys: Object.keys(fields).filter(name => !optional.includes(name)),
      }),
      blanks: fc.array(blank, { maxLength: 6 }),
      changes: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        {
          weight: 3,
          arbitrary: fc.array(fc.tuple(fc.nat({ max: CHANGES.length - 1 }), fc.nat(), anyValue), {
            minLength: 1,
            maxLength: 2,
          }),
        },
      ),
      damage: fc.oneof(
        { weight: 9, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.tuple(fc.nat({ max: DAMAGES.length - 1 }), fc.nat()) },
      ),
      name_which: fc.nat(),
    })
    .map(({ fields: given, blanks, changes, damage, name_which }) => {
      const entries = Object.entries(given as Fields)
      let members: Member[] = entries.map(([name, { text }]) => ({
        name: quotedWith(name, name_which),
        value: text,
      }))
      const worths = entries.map(([, { worth }]) => worth)
      for (const [kind, which, value] of changes) {
        const [changed, worth] = CHANGES[kind]?.(members, which, value) ?? [members, 'good']
        members = changed
        worths.push(isTolerant && worth === 'bad' ? 'any' : worth)
      }
      const text = objectText(members, blanks)
      if (damage === null) return { text, worth: worst(worths) }
      return { text: DAMAGES[damage[0]]?.(text, damage[1]) ?? text, worth: 'any' as const }
    })
