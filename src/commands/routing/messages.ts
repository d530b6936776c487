/**
 * What instances of the command side say to each other, as text, and the reading of it. Pure.
 *
 * - A *sign* of life goes to all: `{"protocol":1,"since":1764201600000,"tick":81734,"state":"serving"}`
 * - A *forward* gives commands to the instance that decides. Its first line says who sends it and what follows; then each line
 *   is one command: a letter for its type (`h` hold, `k` capture, `r` release, `l` limit, `s` restrict, `v` reverse), `+` if its caller brought the transaction id and `-` if not, and its fields; the
 *   field `by` is its caller, if one is known.
 *   Every line is read strictly by itself, like a request, so that a line which cannot be read concerns no other one:
 *
 *       {"from":"Zk3v...","tick":81734,"first":101,"runs":[["one",1],["all",2]]}
 *       c-{"client_id":"678","amount":100,"transaction_id":"019a..."}
 *       c+{"client_id":"1","amount":5,"transaction_id":"a-1"}
 *       d+{"client_id":"2","amount":5,"transaction_id":"a-2"}
 *
 * - A *question* is a forward without commands: `{"from":"Zk3v...","asks":[101,102]}` asks which of them are known there.
 * - An *answer* gives outcomes, in the form of the results of `customer.batch`, and names forwards that are not at work there:
 *   `{"answers":[[101,[{"transaction_id":"019a...","client_id":"678",...}]]],"missing":[102]}`
 *
 * All of it is read with strict codecs: whoever has the permission could send it.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import { isJsonObject, readStrictJson } from '../../json.js'
import { Asset, assetOf, customerOf, namesJson, ofAccount } from '../../ledger/account-id.js'
import { Amount, amountJson, Balance, toJson } from '../../ledger/amount.js'
import { isCaller } from '../../ledger/caller.js'
import { ClientId } from '../../ledger/client-id.js'
import { describeErrors, exactFieldsOf } from '../../ledger/codec.js'
import { type AskedCommand, decodeAsked, type PlainCommand } from '../../ledger/command.js'
import { LongestTransactionId } from '../../ledger/event-body.js'
import { quoted } from '../../ledger/fast/quoted.js'
import { type ReverseRequest, reverseRequestFields } from '../../ledger/reverse-command.js'
import { isRuleCommand, type RuleCommand, ruleCommandFields } from '../../ledger/rule-command.js'
import { CATALOGUE, type ErrorCode } from '../../service/catalogue.js'
import type { Submitted } from '../group-commit/ports.js'
import { failed, type Outcome } from '../outcome.js'

/** Instances that speak another protocol are not known to this one, and decide for themselves. */
const PROTOCOL = 1

/** The most commands of one forward, and the most ids of one question or answer. */
export const FORWARD_COMMANDS_MAX = 1_000

const PREFIX = 'customer.instance.'
export const EVERY_SIGN = `${PREFIX}*.sign`
export const signSubject = (id: string): string => `${PREFIX}${id}.sign`
export const commandsSubject = (id: string): string => `${PREFIX}${id}.commands`
/** The answers of the instance `from`; nats-server says there, too, that nobody listens for the commands. */
export const answersSubject = (to: string, from: string): string => `${PREFIX}${to}.answers.${from}`
export const everyAnswer = (to: string): string => `${PREFIX}${to}.answers.*`

const ID = /^[\w-]{22}$/

/** The id of an instance, as `randomId` makes it: one token of a subject. */
const InstanceId = new t.Type<string, string, unknown>(
  'InstanceId',
  (u): u is string => typeof u === 'string' && ID.test(u),
  (u, context) =>
    typeof u === 'string' && ID.test(u) ? t.success(u) : t.failure(u, context, 'must be an id'),
  String,
)

/** The instance that a sign is from, or that sends an answer: its id is a token of the subject. Undefined: not a valid one. */
export const senderOf = (subject: string, place: 'sign' | 'answer'): string | undefined => {
  const id = subject.split('.')[place === 'sign' ? 2 : 4]
  return id !== undefined && ID.test(id) ? id : undefined
}

const isCount = (u: unknown): u is number => typeof u === 'number' && Number.isSafeInteger(u) && u >= 0

/** A whole number from 0 on. */
const Count = new t.Type<number, number, unknown>(
  'Count',
  isCount,
  (u, context) => (isCount(u) ? t.success(u) : t.failure(u, context, 'must be a whole number from 0 on')),
  Number,
)

const read = <A>(codec: t.Type<A, unknown, unknown>, text: string | Uint8Array): Either<string, A> =>
  pipe(
    readStrictJson(text),
    E.mapLeft(({ message }) => message),
    E.chain(value => pipe(codec.decode(value), E.mapLeft(describeErrors))),
  )

// signs

const State = t.union([t.literal('serving'), t.literal('leaving'), t.literal('gone')])
const SignBody = exactFieldsOf({ protocol: t.literal(PROTOCOL), since: Count, tick: Count, state: State })

/** `since`: the time of its start by its own clock, in ms of Unix time; `tick`: the time of the sign on a clock of its own, in ms. */
export type Sign = {
  readonly since: number
  readonly tick: number
  readonly state: 'serving' | 'leaving' | 'gone'
}

export const encodeSign = ({ since, tick, state }: Sign): string =>
  `{"protocol":${PROTOCOL},"since":${since},"tick":${tick},"state":"${state}"}`

export const decodeSign = (body: Uint8Array): Either<string, Sign> => read(SignBody, body)

// forwards

/** Commands that are given on together: one command, or those of one `customer.batch`. */
export type ForwardedItem = { readonly mode: 'one' | 'each' | 'all'; readonly commands: readonly Submitted[] }

const LETTERS: Readonly<Record<AskedCommand['type'], string>> = {
  credit: 'c',
  debit: 'd',
  transfer: 't',
  hold: 'h',
  capture: 'k',
  release: 'r',
  limit: 'l',
  restrict: 's',
  reverse: 'v',
}
const TYPES: Readonly<Record<string, AskedCommand['type']>> = {
  c: 'credit',
  d: 'debit',
  t: 'transfer',
  h: 'hold',
  k: 'capture',
  r: 'release',
  l: 'limit',
  s: 'restrict',
  v: 'reverse',
}
const GIVEN: Readonly<Record<string, boolean>> = { '+': true, '-': false }
/** The letter and the sign before the fields of a command. */
const LEAD_CHARS = 2

/** A command that concerns rules, or a request to reverse, as one line of a forward. */
const encodeFields = (command: RuleCommand | ReverseRequest, lead: string): string => {
  const { by } = command
  const fields = command.type === 'reverse' ? reverseRequestFields(command) : ruleCommandFields(command)
  return lead + JSON.stringify({ ...fields, ...(by === undefined ? {} : { by }) })
}

/** The fields that name the accounts of a command. */
const accountsJson = (command: PlainCommand): string => {
  if (command.type !== 'transfer') return namesJson(command.client_id)
  const { from, to } = command
  const asset = assetOf(from)
  const customers = `"from":"${customerOf(from)}","to":"${customerOf(to)}"`
  return asset === undefined ? customers : `${customers},"asset":"${asset}"`
}

/** A command as one line of a forward. Client ids hold nothing that JSON has to escape. */
export const encodeCommand = ({ command, has_given_id }: Submitted): string => {
  const lead = `${LETTERS[command.type]}${has_given_id ? '+' : '-'}`
  if (command.type === 'reverse' || isRuleCommand(command)) return encodeFields(command, lead)
  const { amount, transaction_id, reference, metadata, by } = command
  const more =
    (reference === undefined ? '' : `,"reference":${quoted(reference)}`) +
    (metadata === undefined ? '' : `,"metadata":${JSON.stringify(metadata)}`) +
    (by === undefined ? '' : `,"by":${quoted(by)}`)
  const fields = `${accountsJson(command)},"amount":${amountJson(amount)},"transaction_id":${quoted(transaction_id)}`
  return `${lead}{${fields}${more}}`
}

const submittedFrom = (line: string): Submitted | undefined => {
  const type = TYPES[line.charAt(0)]
  const has_given_id = GIVEN[line.charAt(1)]
  if (type === undefined || has_given_id === undefined) return undefined
  const fields = readStrictJson(line.slice(LEAD_CHARS))
  if (E.isLeft(fields) || !isJsonObject(fields.right) || fields.right.transaction_id === undefined)
    return undefined
  const { by, ...content } = fields.right
  if (by !== undefined && !isCaller(by)) return undefined
  if (type === 'reverse' && content.reversal_id === undefined) return undefined
  const command = decodeAsked(type, content, '', by)
  return E.isLeft(command) ? undefined : { command: command.right, has_given_id }
}

/** So many items of one command follow, or one item of so many commands. */
type Run = [mode: ForwardedItem['mode'], count: number]

const Run = t.tuple([t.union([t.literal('one'), t.literal('each'), t.literal('all')]), Count])
const ForwardHead = exactFieldsOf({ from: InstanceId, tick: Count, first: Count, runs: t.array(Run) })
const QuestionBody = exactFieldsOf({ from: InstanceId, asks: t.array(Count) })

/**
 * Items that one instance gives to another, numbered from `first` on. `tick` is the newest tick that the sender has heard of the
 * other one. An item that cannot be read is undefined.
 */
export type Forward = {
  readonly tag: 'forward'
  readonly from: string
  readonly tick: number
  readonly first: number
  readonly items: readonly (ForwardedItem | undefined)[]
}

export type OutcomeQuestion = {
  readonly tag: 'question'
  readonly from: string
  readonly asks: readonly number[]
}

/** A forward that is being written. */
export class ForwardText {
  readonly #lines: string[] = []
  readonly #runs: Run[] = []
  #bytes = 0

  get commands(): number {
    return this.#lines.length
  }

  /** The length of its lines, without the head. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds an item whose commands are `lines` of `bytes` in all. */
  add(mode: ForwardedItem['mode'], lines: readonly string[], bytes: number): void {
    const last = this.#runs.at(-1)
    if (mode === 'one' && last?.[0] === 'one') last[1] += 1
    else this.#runs.push([mode, lines.length])
    for (const line of lines) this.#lines.push(line)
    this.#bytes += bytes
  }

  text({ from, tick, first }: Pick<Forward, 'from' | 'tick' | 'first'>): string {
    const head = JSON.stringify({ from, tick, first, runs: this.#runs })
    return `${head}\n${this.#lines.join('\n')}`
  }
}

export const encodeQuestion = ({ from, asks }: Omit<OutcomeQuestion, 'tag'>): string =>
  JSON.stringify({ from, asks })

/** The items of a forward. Undefined when the lines are not as many as its head says. */
const itemsFrom = (
  runs: readonly Run[],
  lines: readonly string[],
): (ForwardedItem | undefined)[] | undefined => {
  const items: (ForwardedItem | undefined)[] = []
  let at = 0
  for (const [mode, count] of runs) {
    if (count < 1 || at + count > lines.length) return undefined
    const commands = lines.slice(at, at + count).map(submittedFrom)
    at += count
    const valid = commands.filter(command => command !== undefined)
    if (mode === 'one') for (const one of commands) items.push(one && { mode, commands: [one] })
    else items.push(valid.length === count ? { mode, commands: valid } : undefined)
  }
  return at === lines.length ? items : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

const decodeText = (body: Uint8Array): Either<string, string> =>
  E.tryCatch(
    () => utf8.decode(body),
    () => 'the text is not UTF-8',
  )

const decodeForward = (text: string): Either<string, Forward> => {
  const [first_line = '', ...lines] = text.split('\n')
  if (lines.length > FORWARD_COMMANDS_MAX) return E.left(`it has more than ${FORWARD_COMMANDS_MAX} commands`)
  const head = read(ForwardHead, first_line)
  if (E.isLeft(head)) return head
  const { runs, ...rest } = head.right
  const items = itemsFrom(runs, lines)
  return items === undefined
    ? E.left('its lines are not those that its head names')
    : E.right({ tag: 'forward', ...rest, items })
}

const decodeQuestion = (text: string): Either<string, OutcomeQuestion> =>
  pipe(
    read(QuestionBody, text),
    E.filterOrElse(
      ({ asks }) => asks.length <= FORWARD_COMMANDS_MAX,
      () => `it asks for more than ${FORWARD_COMMANDS_MAX} items`,
    ),
    E.map(({ from, asks }): OutcomeQuestion => ({ tag: 'question', from, asks })),
  )

/** Reads what comes on the subject of the commands; a forward has lines, a question has none. */
export const decodeRequest = (body: Uint8Array): Either<string, Forward | OutcomeQuestion> =>
  pipe(
    decodeText(body),
    E.chain(
      (text): Either<string, Forward | OutcomeQuestion> =>
        text.includes('\n') ? decodeForward(text) : decodeQuestion(text),
    ),
  )

// answers

const WHOLE = /^(?:0|-?[1-9]\d{0,19})$/
/** Decodes what is available of an account: a limit beside a large balance makes more of it than an int64 holds. */
const Whole = new t.Type<bigint, number | string, unknown>(
  'Whole',
  (u): u is bigint => typeof u === 'bigint',
  (u, context) =>
    Number.isSafeInteger(u) || (typeof u === 'string' && WHOLE.test(u))
      ? t.success(BigInt(u as number | string))
      : t.failure(u, context, 'must be a whole number'),
  toJson,
)

const OPTIONAL = { replayed: t.literal(true), reverses: LongestTransactionId, amount: Amount }
const POSITION = { client_id: ClientId, balance: Balance, version: Count, seq: Count }
const MORE = { asset: Asset, available: Whole, held: Balance }
const REPLY = { transaction_id: LongestTransactionId }
const MovementReply = exactFieldsOf({ ...REPLY, ...POSITION }, { ...OPTIONAL, ...MORE, expires_at: t.string })
const Side = exactFieldsOf(POSITION, MORE)
const TransferReply = exactFieldsOf({ ...REPLY, from: Side, to: Side }, OPTIONAL)

/** The fields of a failure that are amounts, or a balance. */
const Numbers = exactFieldsOf(
  {},
  { balance: Balance, amount: Amount, available: Whole, held: Balance, remaining: Amount },
)

const isErrorCode = (u: unknown): u is ErrorCode => typeof u === 'string' && Object.hasOwn(CATALOGUE, u)

const failureFrom = (u: unknown): Outcome | undefined => {
  if (!isJsonObject(u)) return undefined
  const { code, balance, amount, available, held, remaining, ...details } = u
  if (!isErrorCode(code)) return undefined
  const numbers = Numbers.decode({ balance, amount, available, held, remaining })
  return E.isLeft(numbers) ? undefined : failed(code, { ...details, ...numbers.right })
}

const outcomeFrom = (u: unknown): Outcome | undefined => {
  if (!isJsonObject(u)) return undefined
  if (Object.hasOwn(u, 'error')) return Object.keys(u).length === 1 ? failureFrom(u.error) : undefined
  if (Object.hasOwn(u, 'from')) {
    const decoded = TransferReply.decode(u)
    if (E.isLeft(decoded)) return undefined
    const { replayed = false, from, to, ...reply } = decoded.right
    return { tag: 'done', reply: { ...reply, from: ofAccount(from), to: ofAccount(to) }, replayed }
  }
  const decoded = MovementReply.decode(u)
  if (E.isLeft(decoded)) return undefined
  const { replayed = false, ...reply } = decoded.right
  return { tag: 'done', reply: ofAccount(reply), replayed }
}

/** The outcomes of an item: one for each of its commands, or one failure of all. Undefined: they cannot be read. */
export type ItemAnswer = readonly [item: number, outcomes: readonly Outcome[] | undefined]

export type Answers = { readonly answers: readonly ItemAnswer[]; readonly missing: readonly number[] }

/** The text of answers whose outcomes are JSON already. */
export const encodeAnswers = (
  answers: readonly (readonly [item: number, outcomes: string])[],
  missing: readonly number[],
): string => {
  const list = answers.map(([item, outcomes]) => `[${item},[${outcomes}]]`).join(',')
  return `{"answers":[${list}],"missing":[${missing.join(',')}]}`
}

const AnswersHead = exactFieldsOf({
  answers: t.array(t.tuple([Count, t.array(t.unknown)])),
  missing: t.array(Count),
})

const outcomesFrom = (list: readonly unknown[]): readonly Outcome[] | undefined => {
  const outcomes: Outcome[] = []
  for (const one of list) {
    const outcome = outcomeFrom(one)
    if (outcome === undefined) return undefined
    outcomes.push(outcome)
  }
  return outcomes
}

export const decodeAnswers = (body: Uint8Array): Either<string, Answers> =>
  pipe(
    read(AnswersHead, body),
    E.map(({ answers, missing }) => ({
      answers: answers.map(([item, outcomes]): ItemAnswer => [item, outcomesFrom(outcomes)]),
      missing,
    })),
  )
