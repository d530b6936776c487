/**
 * Parses all JSON that the program reads from outside: from NATS, HTTP, tables and files. No other file calls JSON.parse
 * on such data.
 *
 * There are two ways of reading. The tolerant one is `JSON.parse`: of a duplicate name the last value stays, and numbers
 * are rounded to doubles. It reads events of schema 1, and records that servers or this program wrote. The strict one
 * refuses everything that two readers could understand differently. It reads requests, HTTP bodies and events of schema 2.
 *
 * The name `__proto__` is data like any other here. Codecs (src/ledger/codec.ts) copy only the fields that they name, so
 * that it never becomes a prototype.
 */

import { E, type Either } from './fp.js'

export type JsonObject = { readonly [name: string]: unknown }

/** One fault that the strict reading found, and the path to it: `['commands', '3', 'amount']`. */
export type JsonFault = { readonly path: readonly string[]; readonly rule: string }

/** The result of a strict reading. Only the parts of `value` without a fault may be used. */
export type JsonWithFaults = { readonly value: unknown; readonly faults: readonly JsonFault[] }

/** The reason why the strict reading refuses a document. `message` names the field at fault, if there is one. */
export type JsonProblem = { readonly tag: 'NotJson' | 'NotStrict'; readonly message: string }

/** The deepest nesting of objects and lists in the strict reading. Events of schema 2 depend on it: it must never change. */
export const DEPTH_MAX = 32
/** The longest document of the strict reading, in bytes of UTF-8 or characters. Like `DEPTH_MAX` it must never change. */
export const LENGTH_MAX = 8_388_608
/** A document with more faults than this is refused as a whole. */
const FAULTS_MAX = 1_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Whether `u` is a JSON object; a list is not one. */
export const isJsonObject = (u: unknown): u is JsonObject =>
  typeof u === 'object' && u !== null && !Array.isArray(u)

const textOf = (source: Uint8Array | string): string =>
  typeof source === 'string' ? source : utf8.decode(source)

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Reads a document tolerantly; left is the parser's error text. */
export const readJson = (source: Uint8Array | string): Either<string, unknown> => {
  try {
    return E.right(JSON.parse(textOf(source)))
  } catch (cause) {
    return E.left(messageOf(cause))
  }
}

/**
 * Makes a quick test for documents that may hold the string `text`, for a caller that reads many documents and wants few.
 * The test is also true for every document with a backslash: with escapes a string can be written in many ways.
 */
export const documentsWith = (text: string): ((document: Uint8Array) => boolean) => {
  const quoted = Buffer.from(JSON.stringify(text))
  return ({ buffer, byteOffset, length }) => {
    const bytes = Buffer.from(buffer, byteOffset, length)
    return bytes.includes(quoted) || bytes.includes(BACKSLASH)
  }
}

const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const CAPITAL_E = 0x45
const SMALL_E = 0x65

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE
const isNumberStart = (code: number): boolean => isDigit(code) || code === MINUS
const isNumberPart = (code: number): boolean =>
  isDigit(code) || code === POINT || code === SMALL_E || code === CAPITAL_E || code === MINUS || code === PLUS

/** The change of the nesting depth by a character that is outside of strings and numbers: 1, -1 or 0. */
const nesting = (code: number): number => {
  if (code === OPEN_OBJECT || code === OPEN_LIST) return 1
  return code === CLOSE_OBJECT || code === CLOSE_LIST ? -1 : 0
}

// All functions below get the text of a valid document: JSON.parse has accepted it before.

/** Whether the character at `at` follows a backslash that is not itself escaped. */
const isEscaped = (text: string, at: number): boolean => {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from -= 1
  return (at - from) % 2 === 1
}

/** The place after the string that begins at `at`. */
const endOfString = (text: string, at: number): number => {
  let end = text.indexOf('"', at + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
}

/** A whole number of up to this many digits is always exact as a double. */
const EXACT_DIGITS_MAX = 15
/** Longer numbers are refused unread: no amount, sequence or version needs them. */
const NUMBER_CHARS_MAX = 1_000

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** One common form for all ways to write the same decimal number, without its sign: `1.50` and `15e-1` become `15e-1`. */
const normalForm = (number: string): string => {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(number) ?? []
  const digits = whole + fraction
  let from = 0
  while (from < digits.length && digits.charCodeAt(from) === ZERO) from += 1
  if (from === digits.length) return '0'
  let to = digits.length
  while (digits.charCodeAt(to - 1) === ZERO) to -= 1
  return `${digits.slice(from, to)}e${Number(exponent) - fraction.length + digits.length - to}`
}

/**
 * Whether the double of a number has the value that was written. A fraction is always accepted: most fractions, such as
 * 0.1, have no exact double, and no field of this program is a fraction. A number whose double is whole must equal that
 * double, and a number whose double is infinite is refused.
 */
const isExact = (number: string): boolean => {
  if (number.length > NUMBER_CHARS_MAX) return false
  const value = Number(number)
  if (!Number.isFinite(value)) return false
  return !Number.isInteger(value) || normalForm(number) === normalForm(String(value))
}

/** The place after the number that begins at `at`; the same place with a minus sign when the number is not exact. */
const endOfNumber = (text: string, at: number): number => {
  let end = at + 1
  while (isDigit(text.charCodeAt(end))) end += 1
  if (!isNumberPart(text.charCodeAt(end)) && end - at <= EXACT_DIGITS_MAX) return end
  while (isNumberPart(text.charCodeAt(end))) end += 1
  return isExact(text.slice(at, end)) ? end : -end
}

/** Counts the members of all objects in the text; undefined when it is nested too deep or has an inexact number. */
const membersWritten = (text: string): number | undefined => {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (isNumberStart(code)) {
      at = endOfNumber(text, at)
      if (at < 0) return undefined
    } else {
      at += 1
      if (code === COLON) members += 1
      depth += nesting(code)
      if (depth > DEPTH_MAX) return undefined
    }
  }
  return members
}

/** Counts the members of all objects after parsing: fewer than in the text when an object has a name twice. */
const membersKept = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) for (const one of value) members += membersKept(one)
  else for (const name in value) members += 1 + membersKept((value as JsonObject)[name])
  return members
}

const NAME_CHARS_MAX = 64

/** Characters that may stand between two values: blank, tab, line feed, carriage return, colon, comma. */
const SEPARATORS = [0x20, 0x09, 0x0a, 0x0d, COLON, COMMA]
const INEXACT = 'cannot be kept exactly as a JSON number: send it as a decimal string'
const NO_FAULTS: readonly JsonFault[] = []

/** Makes a name that a caller chose safe to show in a message: printable ASCII only, and cut when it is long. */
export const shownName = (name: string): string => {
  if (name === '') return '""'
  const printable = name.slice(0, NAME_CHARS_MAX).replace(/[^\x20-\x7e]/g, '?')
  return name.length > NAME_CHARS_MAX ? `${printable}...` : printable
}

/** The first fault as a clause with its path, in which the places in lists count as names: `commands.3.amount: ...`. */
export const faultText = (faults: readonly JsonFault[]): string => {
  const [first] = faults
  if (first === undefined) return ''
  const path = first.path.map(shownName).join('.')
  return path === '' ? `the body ${first.rule}` : `${path}: ${first.rule}`
}

const nameAt = (text: string, at: number, end: number): string => {
  const quoted = text.slice(at, end)
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

/** The place after the object or list that begins at `at`, at any depth; it does not recurse. */
const endOfNested = (text: string, at: number): number => {
  let depth = 0
  let end = at
  do {
    const code = text.charCodeAt(end)
    depth += nesting(code)
    end = code === QUOTE ? endOfString(text, end) : end + 1
  } while (depth > 0)
  return end
}

/** Finds every fault of a document with its path. It is slow, so it only runs for a document that has a fault. */
const faultsOf = (text: string): readonly JsonFault[] => {
  const faults: JsonFault[] = []
  const path: string[] = []
  let at = 0
  const add = (rule: string): void => {
    if (faults.length <= FAULTS_MAX) faults.push({ path: [...path], rule })
  }
  /** Skips blanks, colons and commas and returns the next character. In a valid document they stand where they belong. */
  const next = (): number => {
    while (SEPARATORS.includes(text.charCodeAt(at))) at += 1
    return text.charCodeAt(at)
  }
  const passNumber = (): void => {
    const end = endOfNumber(text, at)
    if (end < 0) add(`${shownName(text.slice(at, -end))} ${INEXACT}`)
    at = Math.abs(end)
  }
  const passObject = (): void => {
    const names = new Set<string>()
    at += 1
    while (next() !== CLOSE_OBJECT) {
      const end = endOfString(text, at)
      const name = nameAt(text, at, end)
      at = end
      path.push(name)
      if (names.has(name)) add('is there twice')
      names.add(name)
      passValue()
      path.pop()
    }
    at += 1
  }
  const passList = (): void => {
    at += 1
    for (let index = 0; next() !== CLOSE_LIST; index += 1) {
      path.push(String(index))
      passValue()
      path.pop()
    }
    at += 1
  }
  const passValue = (): void => {
    const code = next()
    if (code === QUOTE) at = endOfString(text, at)
    else if (isNumberStart(code)) passNumber()
    else if (code !== OPEN_OBJECT && code !== OPEN_LIST) at += text.startsWith('false', at) ? 5 : 4
    else if (path.length >= DEPTH_MAX) {
      add(`is nested more than ${DEPTH_MAX} levels deep`)
      at = endOfNested(text, at)
    } else if (code === OPEN_OBJECT) passObject()
    else passList()
  }
  passValue()
  return faults
}

/** Reads a document strictly and lists its faults, for a caller that can use the parts without a fault. */
export const readJsonWithFaults = (source: Uint8Array | string): Either<JsonProblem, JsonWithFaults> => {
  if (source.length > LENGTH_MAX) {
    return E.left({ tag: 'NotStrict', message: `the JSON is longer than ${LENGTH_MAX} bytes` })
  }
  let text: string
  let value: unknown
  try {
    text = textOf(source)
    value = JSON.parse(text)
  } catch (cause) {
    return E.left({ tag: 'NotJson', message: messageOf(cause) })
  }
  const members = membersWritten(text)
  if (members !== undefined && members === membersKept(value)) return E.right({ value, faults: NO_FAULTS })
  const faults = faultsOf(text)
  return faults.length > FAULTS_MAX
    ? E.left({
        tag: 'NotStrict',
        message: `${faultText(faults)}; and more than ${FAULTS_MAX} faults like it`,
      })
    : E.right({ value, faults })
}

/** Reads a document strictly; any fault refuses the whole document. */
export const readStrictJson = (source: Uint8Array | string): Either<JsonProblem, unknown> => {
  const read = readJsonWithFaults(source)
  if (E.isLeft(read)) return read
  const { value, faults } = read.right
  return faults.length === 0 ? E.right(value) : E.left({ tag: 'NotStrict', message: faultText(faults) })
}
