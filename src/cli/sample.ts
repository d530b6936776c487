/**
 * `jetledger sample`: a load of credits, debits and transfers for a ledger to try things with. The same options give the
 * same commands with the same transaction ids, so the same sample again has no second effect.
 */

import type { Command } from 'commander'
import type { NatsConnection } from 'nats'
import { rest } from '../back-off.js'
import { E, t } from '../fp.js'
import { ask } from '../gateway/ask.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { Failure } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { wholeRandomFrom } from '../random.js'
import { withNats } from './command.js'
import type { Chunk } from './import/chunks.js'
import { type CommandRow, rowFrom } from './import/rows.js'
import { noCounts, runImport } from './import/run.js'
import { createSender } from './import/send.js'
import { count } from './options.js'
import { startProgressBar } from './progress-bar.js'

export type SampleOptions = {
  readonly customers: number
  readonly events: number
  readonly seed: number
  /** Commands per second; undefined: as fast as the ledger takes them. */
  readonly rate?: number
}

type Options = SampleOptions & { readonly timeout: number; readonly json?: true }

const CHUNK_ROWS = 16_000
/** With a rate, a chunk goes out so often. */
const CHUNKS_PER_S = 4
const SECOND_MS = 1_000

const AMOUNT_MAX = 1_000
/** Of 10 commands 6 are credits, 3 debits and 1 is a transfer; some debits and transfers are refused for lack of funds. */
const CREDITS_OF_10 = 6
const DEBITS_OF_10 = 3

const READ_MS_MAX = 10_000
const TIMEOUT_MS = 60_000

/** Makes the commands of a sample one after the other. Their ids name all options that their content depends on. */
export const sampleRows = ({ customers, seed }: Pick<SampleOptions, 'customers' | 'seed'>) => {
  const next = wholeRandomFrom(seed)
  const customer = (n: number): string => `sample-${n + 1}`
  let row = 0
  return (): CommandRow => {
    row += 1
    const kind = next(10)
    const amount = 1 + next(AMOUNT_MAX)
    const one = next(customers)
    const other = customers === 1 ? one : (one + 1 + next(customers - 1)) % customers
    const is_transfer = kind >= CREDITS_OF_10 + DEBITS_OF_10 && other !== one
    const fields = is_transfer
      ? { type: 'transfer', from: customer(one), to: customer(other), amount }
      : { type: kind < CREDITS_OF_10 ? 'credit' : 'debit', client_id: customer(one), amount }
    const made = rowFrom({ row, original: [], fields, own_id: `sample:${seed}:${customers}:${row}` })
    if (E.isLeft(made)) throw new Error(`a sample's command is not valid: ${made.left.message}`)
    return made.right
  }
}

async function* chunksOf(options: SampleOptions): AsyncIterable<Chunk> {
  const { events, rate } = options
  const size = rate === undefined ? CHUNK_ROWS : Math.max(1, Math.ceil(rate / CHUNKS_PER_S))
  const nextRow = sampleRows(options)
  const { signal } = new AbortController()
  const began_ms = performance.now()
  for (let made = 0; made < events; made += size) {
    if (rate !== undefined) {
      const due_ms = began_ms + (made / rate) * SECOND_MS
      await rest(Math.max(0, due_ms - performance.now()), signal)
    }
    const commands = Array.from({ length: Math.min(size, events - made) }, nextRow)
    yield { commands, rejects: [], heading: [] }
  }
}

/** The transaction of the first synthetic customer, which `jetledger dev` and `seed` make. */
const SEEDED_TRANSACTION = 'seed:1'
const Fate = fieldsOf({ status: t.string })

/**
 * Throws `Failure` unless the ledger has synthetic customers. Nothing can be taken out of a ledger again, so a sample must
 * never come into one that is for real, and no such ledger has them.
 */
const checkSynthetic = async (nc: NatsConnection): Promise<void> => {
  const question = {
    subject: 'customer.transaction',
    body: JSON.stringify({ transaction_id: SEEDED_TRANSACTION }),
    effect: 'read',
    timeout_ms: READ_MS_MAX,
    is_alone: true,
    check: (body: unknown) => {
      const decoded = Fate.decode(body)
      return E.isLeft(decoded) ? E.left(describeErrors(decoded.left)) : decoded
    },
  } as const
  const answer = await ask({ nc }, question)()
  if (E.isLeft(answer))
    throw new Failure(`${answer.left.code}: ${answer.left.detail ?? 'no answer'}`, {
      cause: answer.left.cause,
    })
  if (answer.right.body.status !== 'committed')
    throw new Failure(
      'this ledger has no synthetic customers, so it may be a real one, and a sample can never be taken out again. "jetledger dev" and "jetledger seed" make them',
    )
}

const sample = (options: Options): Promise<void> =>
  withNats(async ({ nc }) => {
    await checkSynthetic(nc)
    const counts = noCounts()
    const bar = startProgressBar('sending', 'commands')
    try {
      await runImport(
        {
          chunks: chunksOf(options),
          rejects: undefined,
          sender: createSender(nc, options.timeout),
          onProgress: rows => bar.update(rows, options.events),
        },
        counts,
      )
    } finally {
      bar.end()
    }
    const { rows, carried_out, known, refused, codes } = counts
    if (options.json === true)
      printJson({ commands: rows, carried_out, known, refused, codes: Object.fromEntries(codes) })
    else
      print(`sent ${rows} commands: ${carried_out} carried out, ${known} known already, ${refused} refused`)
  })

export const sampleCommand = (program: Command): void => {
  program
    .command('sample')
    .description(
      'send credits, debits and transfers, the same ones each time, to a ledger with synthetic customers',
    )
    .option('--customers <n>', 'the number of customers, sample-1 to sample-<n>', count, 1_000)
    .option('--events <n>', 'the number of commands', count, 10_000)
    .option('--rate <n>', 'commands per second (default: as fast as the ledger takes them)', count)
    .option('--seed <n>', 'another number makes other commands', count, 1)
    .option('--timeout <ms>', 'give up when no command was settled for so long', count, TIMEOUT_MS)
    .option('--json', 'print the counts as JSON')
    .action(sample)
}
