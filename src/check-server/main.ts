/**
 * `npm run check-server -- <program>`: checks whether a nats-server keeps the events that it acknowledges, before it is
 * trusted with a ledger. The exit code is 0 when it does, 1 when something was lost, 2 when it could not be checked.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findServerBinary, versionOf } from '../embedded/binaries.js'
import { checkServer, type Outcome } from './check.js'
import type { EndSignal } from './servers.js'
import type { Compression } from './stream.js'

const HELP = `usage: npm run check-server -- [<program>] [options]

Runs three nats-servers of one program (the installed one when none is named) with sync_interval "always" and a stream of
three replicas. Writers store events, one by one and in atomic batches; all three servers are ended amid the writes,
again and again. When they are back, every replica is read by itself: every acknowledged event must be in its place byte
for byte, no batch may be there by half, the three copies must be equal, and no log may tell of a damaged store.

options:
  --compression none|s2    of the stream (default: none, as a ledger's streams)
  --cycles <n>             how often the servers are ended (default: 6)
  --seconds <n>            how long is written before each end (default: 6)
  --signals <list>         how they are ended, in turns (default: SIGTERM,SIGKILL,SIGKILL)
  --help

exit code: 0 the server keeps what it acknowledged, 1 something was lost, 2 it could not be checked

examples:
  npm run check-server -- ./nats-server                        about two minutes
  npm run check-server -- ./nats-server --cycles 30            before an upgrade in production
  npm run check-server -- ./nats-server --compression s2`

const CYCLES_MAX = 1_000
const SECONDS_MAX = 600

/** The error of a wrong call. */
class UsageError extends Error {}

const wholeNumber = (name: string, text: string, max: number): number => {
  const number = Number(text)
  if (/^\d{1,4}$/.test(text) && number >= 1 && number <= max) return number
  throw new UsageError(`--${name} is a number from 1 to ${max}, not "${text}"`)
}

const compressionOf = (text: string): Compression => {
  if (text === 'none' || text === 's2') return text
  throw new UsageError(`--compression is none or s2, not "${text}"`)
}

const signalsOf = (text: string): EndSignal[] =>
  text.split(',').map(signal => {
    if (signal === 'SIGTERM' || signal === 'SIGKILL') return signal
    throw new UsageError(`--signals is a list of SIGTERM and SIGKILL, not "${text}"`)
  })

const OPTIONS = {
  compression: { type: 'string', default: 'none' },
  cycles: { type: 'string', default: '6' },
  seconds: { type: 'string', default: '6' },
  signals: { type: 'string', default: 'SIGTERM,SIGKILL,SIGKILL' },
  help: { type: 'boolean', default: false },
} as const

const parse = (args: string[]) => {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const tellLoss = ({ findings }: Outcome, title: string, folder: string): number => {
  say(`\n${title} does NOT keep what it acknowledged:`)
  for (const finding of findings) say(`  ${finding}`)
  say(`\nStores and logs are in ${folder}`)
  return 1
}

const run = async (args: string[]): Promise<number> => {
  const { values, positionals } = parse(args)
  if (values.help) {
    say(HELP)
    return 0
  }
  if (positionals.length > 1) throw new UsageError(`one program at a time, not ${positionals.join(' and ')}`)
  const [user_path] = positionals
  const compression = compressionOf(values.compression)
  const cycles = wholeNumber('cycles', values.cycles, CYCLES_MAX)
  const write_s = wholeNumber('seconds', values.seconds, SECONDS_MAX)
  const signals = signalsOf(values.signals)
  const program = user_path === undefined ? findServerBinary('nats-server') : resolve(user_path)
  const title = `nats-server ${versionOf(program)} with compression ${compression}`
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-check-server-'))
  say(`${title} (${program}): three servers, ${cycles} cycles`)
  const began_ms = performance.now()
  const outcome = await checkServer({ program, folder, compression, cycles, write_s, signals, say })
  if (outcome.findings.length > 0) return tellLoss(outcome, title, folder)
  rmSync(folder, { recursive: true, force: true })
  const took_s = Math.round((performance.now() - began_ms) / 1_000)
  say(
    `\n${title} keeps what it acknowledged: ${outcome.acknowledged} events, ended ${cycles} times (${signals.join(', ')}), in ${took_s} s`,
  )
  return 0
}

// this process exits at once on a signal, and the reaper ends its servers
for (const [signal, exit_code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(exit_code))

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  const text = error instanceof Error ? error.message : String(error)
  const hint = error instanceof UsageError ? '\nnpm run check-server -- --help says more' : ''
  process.stderr.write(`check-server: ${text}${hint}\n`)
  process.exitCode = 2
}
