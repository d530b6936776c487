/**
 * Reads JSON without losing a digit: whole numbers become `bigint`. It is written anew here, because the checker shares no
 * code with the program that it judges.
 *
 * A number with a point or an exponent is read as JavaScript reads it; it becomes a `bigint` when that value is a safe integer.
 */

export type Json = null | boolean | bigint | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [name: string]: Json }

/** The largest depth of nesting in a run's documents; a deeper document does not count as JSON. */
const DEPTH_MAX = 200

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const BLANK = /[ \t\n\r]*/y
const WORDS: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

const unescaped = (quoted: string): string =>
  quoted
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, char: string) =>
      code === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
    )

const numberOf = (text: string): bigint | number => {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  const value = Number(text)
  return Number.isSafeInteger(value) ? BigInt(value) : value
}

class NotJson extends Error {}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json {
    const value = this.#value(0)
    this.#skip(BLANK)
    if (this.#at < this.#text.length) throw new NotJson()
    return value
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  /** Skips blanks, then skips `char` when it comes next. Returns whether it did. */
  #has(char: string): boolean {
    this.#skip(BLANK)
    if (this.#text[this.#at] !== char) return false
    this.#at += 1
    return true
  }

  #expect(char: string): void {
    if (!this.#has(char)) throw new NotJson()
  }

  #string(): string {
    this.#skip(BLANK)
    const quoted = this.#skip(STRING)
    if (quoted === undefined) throw new NotJson()
    return quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1)
  }

  #list(depth: number): Json {
    const list: Json[] = []
    if (this.#has(']')) return list
    do list.push(this.#value(depth))
    while (this.#has(','))
    this.#expect(']')
    return list
  }

  #object(depth: number): Json {
    const fields: [string, Json][] = []
    if (this.#has('}')) return {}
    do {
      const name = this.#string()
      this.#expect(':')
      fields.push([name, this.#value(depth)])
    } while (this.#has(','))
    this.#expect('}')
    // when a name occurs twice, the last value counts
    return Object.fromEntries(fields)
  }

  #value(depth: number): Json {
    if (depth > DEPTH_MAX) throw new NotJson()
    if (this.#has('{')) return this.#object(depth + 1)
    if (this.#has('[')) return this.#list(depth + 1)
    if (this.#text[this.#at] === '"') return this.#string()
    const word = WORDS.find(([text]) => this.#text.startsWith(text, this.#at))
    if (word !== undefined) {
      this.#at += word[0].length
      return word[1]
    }
    const number = this.#skip(NUMBER)
    if (number === undefined) throw new NotJson()
    return numberOf(number)
  }
}

/** Parses a JSON text; undefined when it is not JSON. */
export const readJson = (text: string): Json | undefined => {
  try {
    return new Reader(text).document()
  } catch (thrown) {
    if (thrown instanceof NotJson) return undefined
    throw thrown
  }
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses a text that is a JSON object; an empty object when it is not one. */
export const readObject = (text: string): JsonObject => {
  const value = readJson(text)
  return isObject(value) ? value : {}
}

/** An object's own field; undefined when there is none, or when the value is not an object. */
export const field = (object: Json | undefined, name: string): Json | undefined =>
  isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined

const INT64_MAX = 2n ** 63n - 1n
const NUMBER_MAX = 2n ** 53n - 1n
const DECIMAL = /^(?:0|-?[1-9]\d{0,18})$/

/** A whole number in the two forms that amounts have in JSON; undefined for anything else. */
export const wholeOf = (value: Json | undefined): bigint | undefined => {
  if (typeof value === 'bigint') return value <= NUMBER_MAX && value >= -NUMBER_MAX ? value : undefined
  if (typeof value !== 'string' || !DECIMAL.test(value)) return undefined
  const whole = BigInt(value)
  return whole <= INT64_MAX && whole >= -INT64_MAX - 1n ? whole : undefined
}

export const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** A small whole number, such as a sequence or a version. */
export const countOf = (value: Json | undefined): number | undefined =>
  typeof value === 'bigint' && value >= 0n && value <= NUMBER_MAX ? Number(value) : undefined
