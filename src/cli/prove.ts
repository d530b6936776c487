/** `jetledger prove <seq>`: prints a proof that an event is one of those that a signed head vouches for. */

import type { Command } from 'commander'
import { proveInclusion } from '../chain/prove.js'
import { E } from '../fp.js'
import { Failure, orFail } from '../process/failure.js'
import { printJson } from '../process/output.js'
import { manager } from '../stream/provision.js'
import { withNats } from './command.js'
import { count } from './options.js'
import { requireHeads } from './signed-heads.js'

const prove = (seq: number): Promise<void> =>
  withNats(async ({ nc }) => {
    await requireHeads(nc)
    const jsm = await orFail(manager(nc))
    const proof = await proveInclusion({ nc, jsm }, seq)
    if (E.isLeft(proof)) throw new Failure(proof.left)
    printJson(proof.right)
  })

const HELP = `
The proof is checked without NATS and without this program: node scripts/verify-proof.mjs proof.json --key <public nkey>`

export const proveCommand = (program: Command): void => {
  program
    .command('prove')
    .argument('<seq>', "the event's stream sequence", count)
    .description('print a proof, as JSON, that a signed head vouches for an event')
    .option('--json', 'it is JSON always: this changes nothing')
    .addHelpText('after', HELP)
    .action(prove)
}
