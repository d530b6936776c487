/**
 * `jetledger heads key|show|export|begin`: the key that signs heads, the heads, and the beginning of a new line of them.
 */

import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { NatsConnection } from 'nats'
import { type Head, newLine, type SignedHead } from '../chain/head.js'
import { readAnyEnd, readHeads, writeHead } from '../chain/head-stream.js'
import { newSeed, type Signer, signerOf } from '../chain/nkey.js'
import { E } from '../fp.js'
import { Failure, orFail } from '../process/failure.js'
import { configuredSigner } from '../process/head-key.js'
import { print, printJson } from '../process/output.js'
import { leadershipOf } from '../stream/leadership.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { requireHeads } from './signed-heads.js'

const ONLY_OWNER = 0o600

const makeKey = (file: string, { json }: { readonly json?: true }): void => {
  const seed = newSeed()
  const signer = signerOf(seed)
  if (E.isLeft(signer)) throw new Failure(signer.left)
  try {
    // never over another file: it may hold the only copy of a key in use
    writeFileSync(file, `${seed}\n`, { mode: ONLY_OWNER, flag: 'wx' })
  } catch (cause) {
    throw new Failure(`${file}: it cannot be written: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  if (json) printJson({ key: signer.right.key, file })
  else print(signer.right.key)
}

const NONE_GENUINE =
  'no message among the newest of the stream of heads is a signed head (docs/tamper-evidence.md)'

const show = (): Promise<void> =>
  withNats(async ({ nc }) => {
    await requireHeads(nc)
    const { head } = await orFail(readAnyEnd(nc))
    if (head === undefined) throw new Failure(NONE_GENUINE)
    print(JSON.stringify(head.head))
  })

type ExportOptions = { readonly last?: number }

/** Prints the genuine heads, the oldest first, or the last few of them. */
const exportHeads = ({ last }: ExportOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    await requireHeads(nc)
    const { place, head } = await orFail(readAnyEnd(nc))
    if (head === undefined) throw new Failure(NONE_GENUINE)
    const kept: SignedHead[] = []
    for await (const { read } of readHeads(nc, place)) {
      if (E.isLeft(read)) continue
      if (last === undefined) print(JSON.stringify(read.right.head))
      else kept.push(read.right.head)
      if (last !== undefined && kept.length > last) kept.shift()
    }
    for (const one of kept) print(JSON.stringify(one))
  })

/** A process that signs at the same time may be faster. */
const TRIES_MAX = 5

const beginLine = async (nc: NatsConnection, signer: Signer, reason: string): Promise<Head> => {
  for (let tries = 1; ; tries += 1) {
    const { place, head: before } = await orFail(readAnyEnd(nc))
    if (before === undefined)
      throw new Failure('there are no signed heads yet, and so no line that could end')
    const { server_time } = await orFail(leadershipOf(nc).prove())
    const head = await newLine(signer, before, reason, server_time)
    const written = await writeHead(nc, place, head)()
    if (E.isRight(written)) return head
    if (written.left.tag !== 'Conflict' || tries === TRIES_MAX) throw new Failure(written.left.message)
  }
}

const begin = ({ reason, json }: { readonly reason: string; readonly json?: true }): Promise<void> =>
  withNats(async ({ nc, config }) => {
    const signer = configuredSigner(config)
    if (signer === undefined) throw new Failure('JETLEDGER_HEAD_SEED_FILE is not set', { exit_code: 2 })
    await requireHeads(nc)
    const head = await beginLine(nc, signer, reason)
    if (json) return printJson(head.head)
    print(
      `line ${head.head.line} begins: the ledger is signed anew, from its first event, with ${signer.key}`,
    )
  })

const BEGIN_HELP = `
For a stream that lost or changed events and was accepted ("jetledger recover --accept-stream"), and for a new key. The
heads of before stay, and "verify --chain" goes on comparing the stream with them, unless --line names a later line.`

export const headsCommand = (program: Command): void => {
  const heads = program.command('heads').description('signed heads, which vouch for the events of the ledger')
  heads
    .command('key')
    .argument('<file>', 'where its seed is written; the file must not exist')
    .description('make a key for JETLEDGER_HEAD_SEED_FILE, and print its public half')
    .option('--json', 'print the public half as JSON')
    .action(makeKey)
  heads
    .command('show')
    .description('print the newest head as JSON')
    .option('--json', 'it is JSON always: this changes nothing')
    .action(show)
  heads
    .command('export')
    .description(
      'print all heads, one JSON object a line, to be kept where no operator of the ledger can change them',
    )
    .option('--last <n>', 'only the newest n', count)
    .option('--json', 'they are JSON always: this changes nothing')
    .action(exportHeads)
  heads
    .command('begin')
    .description('end the line of heads, and sign the ledger anew from its first event')
    .requiredOption('--reason <text>', 'why; it is signed')
    .option('--json', 'print the new head as JSON')
    .addHelpText('after', BEGIN_HELP)
    .action(begin)
}
