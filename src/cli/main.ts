/**
 * The command line `jetledger`: one file per subcommand; this one knows them all and ends the process.
 */

import { Command, CommanderError } from 'commander'
import { Failure } from '../process/failure.js'
import { tell, tellStack } from '../process/output.js'
import { VERSION } from '../process/version.js'
import { chaosCommand } from './chaos.js'
import { commandCommands } from './command-request.js'
import { deadLettersCommand } from './dead-letters.js'
import { devCommand } from './dev.js'
import { parkedCommand } from './parked.js'
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
    // before the subcommands are added: they inherit it
    .exitOverride()
  for (const add of [
    devCommand,
    serveCommand,
    requestCommand,
    commandCommands,
    publishCommand,
    seedCommand,
    statusCommand,
    streamCommand,
    deadLettersCommand,
    parkedCommand,
    replayCommand,
    recoverCommand,
    verifyCommand,
    chaosCommand,
  ]) {
    add(program)
  }
  return program
}

/** Commander ends with 1 on a wrong call and with 0 after help; a wrong call is 2 here. */
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

// engines in package.json says which Node is supported; the SDK's own notice would greet every user of every command
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

// what is still waiting (a first connection) must not keep a stopped process alive
process.exit(await main())
