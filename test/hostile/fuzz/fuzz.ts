/**
 * The fuzzer sends batches of generated inputs to the built program for a given time.
 *
 * After each batch every answer must have arrived and be allowed, and the projection must have handled every event. After
 * each epoch the ledger is verified, and the next epoch begins with a new ledger, so that the report of a failure is small. A
 * failure is shrunk on new ledgers, because a ledger that an event has stopped cannot be used again.
 */

import fc from 'fast-check'
import { createReferee, type Document, readDocument } from '../../support/openapi-arbitrary.js'
import { untilEqualsFold } from '../../support/questions.js'
import { until } from '../../support/servers.js'
import { type HostileLedger, startHostileLedger, WRITER } from '../ledger.js'
import { type FuzzInput, fuzzInputs } from './arbitrary.js'
import { type Seen, sendInput } from './send.js'

export type FuzzOptions = {
  readonly seed: number
  /** The longest time of the run, and the largest number of batches. */
  readonly for_ms: number
  readonly batches_max: number
  /** The time for which one ledger is used. */
  readonly epoch_ms: number
  /** The time for shrinking a failure. */
  readonly shrink_ms: number
  readonly say: (line: string) => void
}

export type FuzzReport = {
  readonly epochs: number
  readonly batches: number
  readonly inputs: number
  /** The number of answers of each kind. */
  readonly seen: Readonly<Record<string, number>>
  /** The failure, with the smallest inputs that show it; undefined when there was none. */
  readonly failure: string | undefined
}

const VERIFY_MS_MAX = 120_000
const FOLD_MS_MAX = 60_000
const CAUGHT_UP_MS_MAX = 20_000
/** The time limit of an answer while a failure is shrunk. It is shorter, because every failing try waits for it. */
const SHRINK_ANSWER_MS_MAX = 5_000
/** The distance of the batch seeds of two epochs, so that neighbouring seeds share no batch. */
const BATCHES_PER_SEED = 10_000
const SHOWN_CHARS_MAX = 4_000

const documentOf = async (url: string): Promise<Document> =>
  readDocument(await (await fetch(`${url}/openapi.json`)).text())

const healthState = async ({ url }: HostileLedger): Promise<number> =>
  (await fetch(`${url}/healthz`, { headers: { authorization: `Bearer ${WRITER}` } })).status

/** Sends a batch; throws an error about a wrong answer. */
const sendBatch = async (
  ledger: HostileLedger,
  referee: ReturnType<typeof createReferee>,
  seen: Seen,
  inputs: readonly FuzzInput[],
  caught_up_ms_max: number,
): Promise<void> => {
  const objections = await Promise.all(inputs.map(input => sendInput(ledger, referee, seen, input)))
  const found = objections.flatMap((objection, i) =>
    objection === undefined
      ? []
      : [`${objection}\n  for ${JSON.stringify(inputs[i]).slice(0, SHOWN_CHARS_MAX)}`],
  )
  if (found.length > 0) throw new Error(found.join('\n'))
  await ledger.untilCaughtUp(caught_up_ms_max)
  if (!ledger.dev.running())
    throw new Error(`the program ended: ${ledger.dev.stderr().slice(-SHOWN_CHARS_MAX)}`)
  const status = await healthState(ledger)
  if (status !== 200) throw new Error(`/healthz answers ${status}`)
}

/** Verifies the table against the fold of the stream. Errors of the stream itself (a forged `after`) were sent on purpose. */
const verifyWhole = async ({ bench, dev }: HostileLedger): Promise<void> => {
  const verifying = bench.start(['verify', '--tables-only', '--json'])
  await until(() => !verifying.running(), { deadline_ms: VERIFY_MS_MAX, what: 'the end of verify' })
  const { code } = await verifying.end('SIGKILL')
  if (code !== 0)
    throw new Error(`verify ended with ${code}: ${verifying.stdout().slice(0, SHOWN_CHARS_MAX)}`)
  for (const args of [
    ['dead-letters', 'list', '--all', '--json'],
    ['status', '--json'],
    ['stream', 'show', '--json'],
  ]) {
    const finished = await bench.run(args)
    if (finished.code !== 0)
      throw new Error(`jetledger ${args.join(' ')} ended with ${finished.code}: ${finished.stderr}`)
  }
  await untilEqualsFold(await bench.connect(dev.nats_url), FOLD_MS_MAX)
}

const textOf = (thrown: unknown): string =>
  thrown instanceof Error ? [thrown.message, thrown.cause].filter(Boolean).join('; ') : String(thrown)

type Counts = { batches: number; inputs: number; readonly seen: Seen }

/** The property over batches; `send` sends one and throws an error about a wrong answer. */
const batches = (document: Document, send: (inputs: readonly FuzzInput[]) => Promise<void>) =>
  fc.asyncProperty(fuzzInputs(document), send)

/** Shrinks a failure on separate ledgers, with a new one after each failing try. */
const shrink = async (document: Document, batch_seed: number, shrink_ms: number): Promise<string> => {
  const referee = createReferee(document)
  let ledger: HostileLedger | undefined
  const stop = async (): Promise<void> => {
    const used = ledger
    ledger = undefined
    await used?.stop()
  }
  const send = async (inputs: readonly FuzzInput[]): Promise<void> => {
    ledger ??= await startHostileLedger(SHRINK_ANSWER_MS_MAX)
    try {
      await sendBatch(ledger, referee, new Map(), inputs, SHRINK_ANSWER_MS_MAX)
    } catch (thrown) {
      await stop()
      throw thrown
    }
  }
  try {
    const parameters = { seed: batch_seed, numRuns: 1, interruptAfterTimeLimit: shrink_ms }
    const details = await fc.check(batches(document, send), parameters)
    if (!details.failed || details.counterexample === null) return 'it does not happen on a new ledger'
    return `the smallest: ${JSON.stringify(details.counterexample[0])}\n${textOf(details.errorInstance)}`
  } finally {
    await stop()
  }
}

/** The end of an epoch: a time, or a total number of batches. */
type Bounds = { readonly until_ms: number; readonly batches_max: number }

type Trouble = { readonly text: string; readonly batch_seed: number | undefined }

/** Sends batches until the epoch is over, then verifies the ledger. */
const runBatches = async (
  ledger: HostileLedger,
  document: Document,
  seed: number,
  { until_ms, batches_max }: Bounds,
  counts: Counts,
): Promise<Trouble | undefined> => {
  const referee = createReferee(document)
  const batch = batches(document, async inputs => {
    await sendBatch(ledger, referee, counts.seen, inputs, CAUGHT_UP_MS_MAX)
    counts.batches += 1
    counts.inputs += inputs.length
  })
  for (let n = 0; counts.batches < batches_max && performance.now() < until_ms; n += 1) {
    const batch_seed = (seed * BATCHES_PER_SEED + n) | 0
    const details = await fc.check(batch, { seed: batch_seed, numRuns: 1, endOnFailure: true })
    if (details.failed) return { text: textOf(details.errorInstance), batch_seed }
  }
  try {
    await verifyWhole(ledger)
    return undefined
  } catch (thrown) {
    return { text: textOf(thrown), batch_seed: undefined }
  }
}

/** Runs one epoch with one ledger, from its start to its verification. Returns the failure, if any. */
const runEpoch = async (
  { shrink_ms, say }: FuzzOptions,
  seed: number,
  bounds: Bounds,
  counts: Counts,
): Promise<string | undefined> => {
  const ledger = await startHostileLedger()
  let document: Document
  let trouble: Trouble | undefined
  try {
    document = await documentOf(ledger.url)
    trouble = await runBatches(ledger, document, seed, bounds, counts)
  } finally {
    await ledger.stop()
  }
  if (trouble === undefined) return undefined
  const { text, batch_seed } = trouble
  say(`seed ${seed}, batch ${batch_seed}: ${text}`)
  return batch_seed === undefined ? text : `${text}\n${await shrink(document, batch_seed, shrink_ms)}`
}

/** Fuzzes until the time is over or a check fails. The same seed generates the same inputs. */
export const fuzz = async (options: FuzzOptions): Promise<FuzzReport> => {
  const { seed, for_ms, batches_max, epoch_ms, say } = options
  const counts: Counts = { batches: 0, inputs: 0, seen: new Map() }
  const until_ms = performance.now() + for_ms
  let epochs = 0
  let failure: string | undefined
  while (failure === undefined && counts.batches < batches_max && performance.now() < until_ms) {
    const bounds = { until_ms: Math.min(performance.now() + epoch_ms, until_ms), batches_max }
    failure = await runEpoch(options, seed + epochs, bounds, counts)
    epochs += 1
    say(`seed ${seed + epochs - 1}: ${counts.batches} batches, ${counts.inputs} inputs so far`)
  }
  const seen = Object.fromEntries([...counts.seen].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return { epochs, batches: counts.batches, inputs: counts.inputs, seen, failure }
}
