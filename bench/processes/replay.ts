/** Runs `jetledger replay` or `jetledger verify`, or a bare reader, once in a process of its own. */

import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from './child.js'
import type { ReadReport } from './reader.js'
import { type Addresses, environmentOf } from './service.js'

const BYTES_PER_KB = 1_024

/** The resources that a process used from its start to its end. */
type Spent = { readonly cpu_ms: number; readonly peak_bytes: number }

export type ReplayRun = Spent & {
  readonly events: number
  readonly customers: number
  readonly rows: number
  readonly took: { readonly folding_ms: number; readonly comparing_ms: number; readonly switching_ms: number }
}

type Usage = {
  readonly maxRSS: number
  readonly userCPUTime: number
  readonly systemCPUTime: number
}

const spentOf = (text: string): Spent => {
  const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(text) as Usage
  return { cpu_ms: (userCPUTime + systemCPUTime) / 1_000, peak_bytes: maxRSS * BYTES_PER_KB }
}

const whileRunning = async <A>(child: Child, signal: AbortSignal, work: () => Promise<A>): Promise<A> => {
  const abort = (): void => void child.stop()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', abort)
    await child.stop()
    signal.throwIfAborted()
  }
}

type Call = {
  readonly name: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
  readonly profile_dir?: string | undefined
}

/** Runs a subcommand that prints JSON to its end; `folder` receives its output. */
const runProgram = async <A>(
  { name, args, env, folder, profile_dir }: Call,
  signal: AbortSignal,
): Promise<A & Spent> => {
  const file = (end: string): string => join(folder, `${name}.${end}`)
  const [output, errors] = [openSync(file('json'), 'w'), openSync(file('log'), 'w')]
  const child = startChild('program', {
    args: [...args, '--json'],
    env: { ...env, BENCH_USAGE_FILE: file('usage') },
    cwd: folder,
    output,
    errors,
    exec_args: profile_dir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile_dir],
  })
  closeSync(output)
  closeSync(errors)
  return whileRunning(child, signal, async () => {
    const how = await child.ended
    const text = readFileSync(file('json'), 'utf8')
    if (text === '') throw new Error(`${name} ${how}:\n${readFileSync(file('log'), 'utf8')}`)
    return { ...(JSON.parse(text) as A), ...spentOf(readFileSync(file('usage'), 'utf8')) }
  })
}

/** Rebuilds the projection with the built program; `folder` receives its output. */
export const runReplay = (
  folder: string,
  addresses: Addresses,
  signal: AbortSignal,
  profile_dir?: string,
): Promise<ReplayRun> =>
  runProgram({ name: 'replay', args: ['replay'], env: environmentOf(addresses), folder, profile_dir }, signal)

export type VerifyRun = Spent & { readonly took_ms: number }

/** Compares the table with the stream. A difference is an error: then there is nothing to measure. */
export const runVerify = async (
  folder: string,
  addresses: Addresses,
  signal: AbortSignal,
): Promise<VerifyRun> => {
  const began_ms = performance.now()
  const call = { name: 'verify', args: ['verify'], env: environmentOf(addresses), folder }
  const { differences_count, ...spent } = await runProgram<{ readonly differences_count: number }>(
    call,
    signal,
  )
  if (differences_count > 0) throw new Error(`verify found ${differences_count} differences`)
  return { ...spent, took_ms: performance.now() - began_ms }
}

/** Reads the whole stream with one of the readers of `reader.ts`. */
export const runReader = async (
  name: 'range' | 'consumer' | 'fold',
  nats_url: string,
  signal: AbortSignal,
): Promise<ReadReport> => {
  const child = startChild('reader', { args: [nats_url, name] })
  return whileRunning(
    child,
    signal,
    () =>
      new Promise((resolve, reject) => {
        child.process.once('message', (report: ReadReport) => resolve(report))
        void child.ended.then(how => reject(new Error(`the reader ${how}`)))
      }),
  )
}
