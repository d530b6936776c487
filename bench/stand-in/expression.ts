/**
 * Reads and evaluates DynamoDB's expressions: conditions and updates over the attributes of one item. It knows the part of
 * the language that this program uses, and refuses everything else, so that no condition is ever taken for true.
 */

export type Value = { readonly S?: string; readonly N?: string } & Readonly<Record<string, unknown>>
export type Item = Readonly<Record<string, Value>>

/** The words of a request that an expression refers to. */
export type Words = {
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues?: Readonly<Record<string, Value>>
}

export class ValidationError extends Error {}

type Condition = (item: Item | undefined) => boolean
type Operand = (item: Item | undefined) => Value | undefined

const TOKEN = /\s*(<=|>=|<>|[#:]?[A-Za-z_][A-Za-z0-9_]*|[=<>(),+-])/y

const tokensOf = (text: string): string[] => {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const token = TOKEN.exec(text)?.[1]
    if (token === undefined)
      throw new ValidationError(`an expression that the stand-in does not know: ${text}`)
    tokens.push(token)
  }
  return tokens
}

/** The order of two values of one type; undefined when their types differ. All numbers of the ledger are whole. */
export const compareValues = (a: Value | undefined, b: Value | undefined): number | undefined => {
  if (a?.N !== undefined && b?.N !== undefined) {
    const [one, other] = [BigInt(a.N), BigInt(b.N)]
    if (one === other) return 0
    return one < other ? -1 : 1
  }
  if (a?.S === undefined || b?.S === undefined) return undefined
  return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S))
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': order => order === 0,
  '<>': order => order !== 0,
  '<': order => order < 0,
  '<=': order => order <= 0,
  '>': order => order > 0,
  '>=': order => order >= 0,
}

/** Reads one expression from left to right. */
class Reader {
  private at = 0
  private readonly tokens: readonly string[]
  private readonly words: Words

  constructor(tokens: readonly string[], words: Words) {
    this.tokens = tokens
    this.words = words
  }

  peek(): string | undefined {
    return this.tokens[this.at]
  }

  take(): string {
    const token = this.tokens[this.at]
    if (token === undefined) throw new ValidationError('an expression ends too early')
    this.at += 1
    return token
  }

  skip(token: string): boolean {
    if (this.peek()?.toUpperCase() !== token) return false
    this.at += 1
    return true
  }

  expect(token: string): void {
    if (!this.skip(token)) throw new ValidationError(`expected ${token} before ${this.peek() ?? 'the end'}`)
  }

  isAtEnd(): boolean {
    return this.at === this.tokens.length
  }

  name(): string {
    const token = this.take()
    const name = token.startsWith('#') ? this.words.ExpressionAttributeNames?.[token] : token
    if (name === undefined || !/^[A-Za-z_]/.test(name))
      throw new ValidationError(`an expression has no name at ${token}`)
    return name
  }

  operand(): Operand {
    const token = this.peek() ?? ''
    if (token.startsWith(':')) {
      const value = this.words.ExpressionAttributeValues?.[this.take()]
      if (value === undefined) throw new ValidationError(`an expression has no value ${token}`)
      return () => value
    }
    const name = this.name()
    return item => item?.[name]
  }
}

const comparison = (reader: Reader): Condition => {
  const left = reader.operand()
  if (reader.skip('BETWEEN')) {
    const low = reader.operand()
    reader.expect('AND')
    const high = reader.operand()
    return item => {
      const value = left(item)
      const [from, to] = [compareValues(value, low(item)), compareValues(value, high(item))]
      return from !== undefined && to !== undefined && from >= 0 && to <= 0
    }
  }
  const holds = COMPARISONS[reader.take()]
  if (holds === undefined) throw new ValidationError('an expression has no comparison where one must be')
  const right = reader.operand()
  return item => {
    const order = compareValues(left(item), right(item))
    return order !== undefined && holds(order)
  }
}

const single = (reader: Reader): Condition => {
  if (reader.skip('NOT')) {
    const inner = single(reader)
    return item => !inner(item)
  }
  if (reader.skip('(')) {
    const inner = either(reader)
    reader.expect(')')
    return inner
  }
  const is_missing = reader.skip('ATTRIBUTE_NOT_EXISTS')
  if (!is_missing && !reader.skip('ATTRIBUTE_EXISTS')) return comparison(reader)
  reader.expect('(')
  const name = reader.name()
  reader.expect(')')
  return item => (item?.[name] === undefined) === is_missing
}

const both = (reader: Reader): Condition => {
  const parts = [single(reader)]
  while (reader.skip('AND')) parts.push(single(reader))
  return item => parts.every(part => part(item))
}

const either = (reader: Reader): Condition => {
  const parts = [both(reader)]
  while (reader.skip('OR')) parts.push(both(reader))
  return item => parts.some(part => part(item))
}

/** Reads a condition. Throws `ValidationError` when the stand-in does not know it. */
export const readCondition = (text: string, words: Words): Condition => {
  const reader = new Reader(tokensOf(text), words)
  const condition = either(reader)
  if (!reader.isAtEnd()) throw new ValidationError(`a condition goes on after its end: ${text}`)
  return condition
}

const sum = (a: Value | undefined, b: Value | undefined): Value => {
  if (b?.N === undefined || (a !== undefined && a.N === undefined))
    throw new ValidationError('only numbers can be added')
  return { N: String(BigInt(a?.N ?? '0') + BigInt(b.N)) }
}

/** Applies `SET name = value, ...` or `ADD name value, ...` to an item, and returns the changed one. */
export const applyUpdate = (text: string, words: Words, item: Item): Item => {
  const reader = new Reader(tokensOf(text), words)
  const is_set = reader.skip('SET')
  if (!is_set) reader.expect('ADD')
  const changed: Record<string, Value> = { ...item }
  do {
    const name = reader.name()
    if (is_set) reader.expect('=')
    const value = reader.operand()(item)
    if (value === undefined) throw new ValidationError(`an update has no value for ${name}`)
    changed[name] = is_set ? value : sum(item[name], value)
  } while (reader.skip(','))
  if (!reader.isAtEnd()) throw new ValidationError(`an update that the stand-in does not know: ${text}`)
  return changed
}
