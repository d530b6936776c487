/**
 * Makes the program of the command line out of the files of its subcommands.
 */

import { Command } from 'commander'
import { VERSION } from '../process/version.js'
import { addConnectionOptions } from './connection-options.js'
import { arrangeHelp } from './subcommands.js'

const HELP = `
Which ledger: the first of these that there is counts. --context; --server or NATS_URL; JETLEDGER_CONTEXT; the running
"jetledger dev" of this folder (or of JETLEDGER_DATA_DIR; JETLEDGER_USER names the user of one with --secure); the context
of "jetledger context use"; nats://127.0.0.1:4222. --creds counts instead of the login that comes with it. The tables are
found by DDB_TABLE, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB, unless the context names them.

Exit codes: 0 done; 1 refused, failed, or differences found; 2 called wrongly; 3 the ledger could not be reached or did not
answer: after a write, send it again with the transaction id that is printed.

docs/commands.md has every command.`

/** The program with these subcommands. A wrong call throws `CommanderError`. */
export const createProgram = (subcommands: readonly ((program: Command) => void)[]): Command => {
  const program = new Command('jetledger')
    .description('A customer-balance ledger on NATS JetStream, projected into DynamoDB')
    .version(VERSION)
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows how)')
    // must come before the subcommands are added, because they inherit it
    .exitOverride()
  for (const add of subcommands) add(program)
  addConnectionOptions(program)
  arrangeHelp(program)
  return program
}
