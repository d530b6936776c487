/**
 * `customer.batch`: many commands in one request, through the same coordinator as single commands (docs/adr/0012).
 *
 * `each` takes what is acceptable; `all` is one atomic batch or nothing, and an error of it says by `index` which command
 * it is about.
 */

import { E, type Either, pipe } from '../../fp.js'
import {
  faultText,
  isJsonObject,
  type JsonFault,
  type JsonObject,
  readJsonWithFaults,
  shownName,
} from '../../json.js'
import { UNKNOWN_FIELD, UNKNOWN_FIELDS_MAX } from '../../ledger/codec.js'
import type { AskedCommand } from '../../ledger/command.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { wholeProblem } from '../atomic-batch.js'
import type { GroupResult } from '../group-commit/group.js'
import type { CommandTaker, Submitted } from '../group-commit/ports.js'
import { type CommandFailure, failed, type Outcome } from '../outcome.js'
import { type Audit, writtenOf } from './audit.js'
import {
  asDryRun,
  errorJson,
  errorOf,
  headerProblem,
  invalid,
  notStrict,
  replyJson,
  typedCommandFrom,
} from './command-body.js'

const BATCH_COMMANDS_MAX = 1_000

/** The largest size of one result: it has the longest ids, or the longest text of an error. */
const RESULT_BYTES_MAX = 900
const TEXT_CHARS_MAX = 400

/** The number of commands that a request may hold, so that its reply can be sent. */
const commandsMax = (max_payload: number): number =>
  Math.min(BATCH_COMMANDS_MAX, Math.max(1, Math.floor(max_payload / RESULT_BYTES_MAX)))

type BatchReply = Either<ServiceError, ServiceReply>

const resultJson = (outcome: Outcome): string =>
  outcome.tag === 'done' ? replyJson(outcome.reply, outcome.replayed) : errorJson(outcome)

const reply = (results: readonly string[], is_dry_run = false): BatchReply =>
  E.right({ body: `{"results":[${results.join(',')}]${is_dry_run ? ',"dry_run":true' : ''}}` })

const invalidCommand = (text: string): CommandFailure =>
  failed('INVALID_REQUEST', { message: text.slice(0, TEXT_CHARS_MAX) })

const isBusy = (outcome: Outcome): boolean => outcome.tag === 'failed' && outcome.code === 'BUSY'

/** Notes the outcome of one command of the batch. */
type Note = (command: AskedCommand, outcome: () => Outcome) => void

/** The results of each command by itself: of the valid ones by `outcomes`, in their order. */
const resultsOf = (
  decoded: readonly Either<string, Submitted>[],
  outcomes: readonly Outcome[],
): readonly string[] => {
  const next = outcomes.values()
  return decoded.map(command => {
    if (E.isLeft(command)) return errorJson(invalidCommand(command.left))
    const outcome = next.next().value
    if (outcome === undefined) throw new Error('a command of a batch has no outcome')
    return resultJson(outcome)
  })
}

const each = async (
  taker: CommandTaker,
  decoded: readonly Either<string, Submitted>[],
  note: Note,
): Promise<BatchReply> => {
  const valid = decoded.flatMap(command => (E.isRight(command) ? [command.right] : []))
  const results = await taker.submitEach(valid)
  for (const [index, outcome] of results.entries()) {
    const command = valid[index]?.command
    if (command !== undefined) note(command, () => outcome)
  }
  // no room for all of them: none was taken
  if (valid.length > 0 && results.every(isBusy)) return E.left(errorOf(failed('BUSY')))
  return reply(resultsOf(decoded, results))
}

/** The outcome of one command of a group: its own reply, or the failure of all. */
const outcomeAt = (result: GroupResult, index: number): Outcome => {
  if (result.tag === 'failed') return result
  const reply = result.replies[index]
  return reply === undefined ? failed('INTERNAL_ERROR') : { tag: 'done', reply, replayed: result.replayed }
}

/** The commands of a batch that can be one group; left says which cannot, and why. */
const wholeOf = (decoded: readonly Either<string, Submitted>[]): Either<ServiceError, Submitted[]> => {
  const submitted: Submitted[] = []
  for (const [index, command] of decoded.entries()) {
    if (E.isLeft(command)) return E.left(invalid(command.left, { index }))
    submitted.push(command.right)
  }
  const problem = wholeProblem(submitted)
  return problem === undefined
    ? E.right(submitted)
    : E.left(invalid(problem.message, { index: problem.index }))
}

const all = async (
  taker: CommandTaker,
  decoded: readonly Either<string, Submitted>[],
  note: Note,
): Promise<BatchReply> => {
  const whole = wholeOf(decoded)
  if (E.isLeft(whole)) return whole
  const submitted = whole.right
  const commands: AskedCommand[] = submitted.map(({ command }) => command)
  const result = await taker.submitAll(commands, submitted[0]?.has_given_id ?? false)
  for (const [index, command] of commands.entries()) note(command, () => outcomeAt(result, index))
  return result.tag === 'failed'
    ? E.left(errorOf(result))
    : reply(result.replies.map(single => replyJson(single, result.replayed)))
}

/** Says what would become of a batch, and stores nothing. */
const dryRun = async (
  taker: CommandTaker,
  mode: Request['mode'],
  decoded: readonly Either<string, Submitted>[],
): Promise<BatchReply> => {
  if (mode === 'each') {
    const valid = decoded.flatMap(command => (E.isRight(command) ? [command.right] : []))
    return reply(resultsOf(decoded, await taker.dryRunEach(valid)), true)
  }
  const whole = wholeOf(decoded)
  if (E.isLeft(whole)) return whole
  const result = await taker.dryRunAll(whole.right)
  return result.tag === 'failed'
    ? E.left(errorOf(asDryRun(result)))
    : reply(
        result.replies.map(single => replyJson(single, result.replayed)),
        true,
      )
}

type Request = {
  readonly mode: 'each' | 'all'
  readonly commands: readonly unknown[]
  readonly is_dry_run: boolean
}

const FIELDS = ['mode', 'commands', 'dry_run']

const decodeRequest = (fields: JsonObject, commands_max: number): Either<ServiceError, Request> => {
  const { mode, commands, dry_run = false } = fields
  const problems = Object.keys(fields)
    .filter(name => !FIELDS.includes(name))
    .slice(0, UNKNOWN_FIELDS_MAX)
    .map(name => `${shownName(name)}: ${UNKNOWN_FIELD}`)
  if (mode !== 'each' && mode !== 'all') problems.push('mode: must be "each" or "all"')
  if (!Array.isArray(commands) || commands.length < 1 || commands.length > commands_max) {
    problems.push(`commands: must be a list of 1 to ${commands_max} commands`)
  }
  if (typeof dry_run !== 'boolean') problems.push('dry_run: must be true or false')
  return problems.length > 0
    ? E.left(invalid(problems.join('; ')))
    : E.right({
        mode: mode as Request['mode'],
        commands: commands as readonly unknown[],
        is_dry_run: dry_run === true,
      })
}

/** The faults in the JSON of single commands, by their index. Left when the fault is outside the commands. */
const faultsByCommand = (faults: readonly JsonFault[]): Either<ServiceError, ReadonlyMap<number, string>> => {
  const by_index = new Map<number, string>()
  for (const { path, rule } of faults) {
    const [list, index, ...rest] = path
    if (list !== 'commands' || index === undefined) return E.left(invalid(faultText([{ path, rule }])))
    if (!by_index.has(Number(index))) by_index.set(Number(index), faultText([{ path: rest, rule }]))
  }
  return E.right(by_index)
}

type Decoding = Pick<Request, 'mode' | 'is_dry_run'> & {
  readonly decoded: readonly Either<string, Submitted>[]
}

/** Decodes a batch of the caller `by`. A fault of one command is that command's alone. */
const decodeBatch = (
  body: Uint8Array,
  commands_max: number,
  by: string | undefined,
): Either<ServiceError, Decoding> => {
  const read = readJsonWithFaults(body)
  if (E.isLeft(read)) return E.left(notStrict(read.left))
  const { value, faults } = read.right
  const faulty = faultsByCommand(faults)
  if (E.isLeft(faulty)) return faulty
  if (!isJsonObject(value)) return E.left(invalid('the body must be a JSON object'))
  return pipe(
    decodeRequest(value, commands_max),
    E.map(({ mode, commands, is_dry_run }) => ({
      mode,
      is_dry_run,
      decoded: commands.map((command, index) => {
        const fault = faulty.right.get(index)
        return fault === undefined ? typedCommandFrom(command, by) : E.left(fault)
      }),
    })),
  )
}

/** `max_payload` is the server's limit for one message, asked for with each request, since a server may change. */
export const batchEndpoint = (
  taker: CommandTaker,
  audit: Audit,
  max_payload: () => number,
  limits: Pick<EndpointConfig, 'max_in_flight' | 'timeout_ms' | 'data'>,
): EndpointConfig => ({
  name: 'batch',
  subject: 'customer.batch',
  queue_group: 'q',
  description: 'Up to 1,000 commands in one request: each by itself, or all in one atomic batch',
  metadata: { format: 'application/json' },
  effect: 'write',
  ...limits,
  handle: request => {
    const problem = headerProblem(request)
    if (problem !== undefined) return E.left(problem)
    const caller = audit.callerOf(request)
    const batch = decodeBatch(request.body, commandsMax(max_payload()), caller.by)
    if (E.isLeft(batch)) return batch
    const { mode, decoded, is_dry_run } = batch.right
    if (is_dry_run) return () => dryRun(taker, mode, decoded)
    const note: Note = (command, outcome) => audit.note(caller, command, () => writtenOf(outcome()))
    return () => (mode === 'all' ? all(taker, decoded, note) : each(taker, decoded, note))
  },
})
