/**
 * The command line `jetledger`. Each subcommand has its own file; this one registers them and ends the process.
 */

import { Command, CommanderError } from 'commander'
import { Failure } from '../process/failure.js'
import { tell, tellStack } from '../process/output.js'
import { VERSION } from '../process/version.js'
import { chaosCommand } from './chaos.js'
import { movementCommands } from './command-request.js'
import { deadLettersCommand } from './dead-letters.js'
import { devCommand } from './dev.js'
import { headsCommand } from './heads.js'
import { parkedCommand } from './parked.js'
import { permissionsCommand } from './permissions.js'
import { proveCommand } from './prove.js'
import { publishCommand } from './publish.js'
import { recoverCommand } from './recover.js'
import { replayCommand } from './replay.js'
import { requestCommand } from './request.js'
import { seedCommand } from './seed.js'
import { serveCommand } from './serve.js'
import { statusCommand } from './status.js'
import { streamCommand } from './stream.js'
import { verifyCommand } from './verify.js'

const HELP = `
A ledger is found by NATS_URL and AWS_ENDPOINT_URL_DYNAMODB; where NATS_URL is not set, it is the
"jetledger dev" of this folder (or of JETLEDGER_DATA_DIR). Exit codes: 0 done, 1 failed, 2 called wrongly,
3 a write whose outcome is not known: send it again with the transaction id that is printed.`

const createProgram = (): Command => {
  const program = new Command('jetledger')
    .description('A customer-balance ledger on NATS JetStream, projected into DynamoDB')
    .version(VERSION)
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows how)')
    // must come before the subcommands are added, because they inherit it
    .exitOverride()
  for (const add of [
    devCommand,
    serveCommand,
    requestCommand,
    movementCommands,
    publishCommand,
    seedCommand,
    statusCommand,
    streamCommand,
    permissionsCommand,
    deadLettersCommand,
    parkedCommand,
    replayCommand,
    recoverCommand,
    verifyCommand,
    headsCommand,
    proveCommand,
    chaosCommand,
  ]) {
    add(program)
  }
  return program
}

/** The exit code for an error. Commander's own code is 1 for a wrong call and 0 after help; here a wrong call is 2. */
const codeOf = (thrown: unknown): number => {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  if (thrown instanceof Failure) {
    tell(`jetledger: ${thrown.message}`)
    return thrown.exit_code
  }
  tellStack(thrown)
  return 1
}

const main = async (): Promise<number> => {
  try {
    await createProgram().parseAsync()
    return 0
  } catch (thrown) {
    return codeOf(thrown)
  }
}

// the AWS SDK would print its own notice about the version of Node at every command; package.json states the
// supported one
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

// a pending first connection must not keep a stopped process alive
process.exit(await main())
