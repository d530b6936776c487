/**
 * The command line `jetledger`. Each subcommand has its own file; this one registers them and ends the process.
 *
 * Only the file of the subcommand that is called is loaded: to load them all takes longer than most calls. A word that is
 * no subcommand's name, like `--help`, loads them all.
 */

import { Command, CommanderError } from 'commander'
import { Failure } from '../process/failure.js'
import { tell, tellStack } from '../process/output.js'
import { VERSION } from '../process/version.js'

const HELP = `
A ledger is found by NATS_URL and AWS_ENDPOINT_URL_DYNAMODB; where NATS_URL is not set, it is the
"jetledger dev" of this folder (or of JETLEDGER_DATA_DIR), as the user JETLEDGER_USER (reader if not set) where
that runs with --secure. Exit codes: 0 done, 1 failed, 2 called wrongly,
3 a write whose outcome is not known: send it again with the transaction id that is printed.`

type AddCommand = (program: Command) => void

/** The names of the subcommands, in the order of the help text, and how the file that adds them is loaded. */
const SUBCOMMANDS: readonly (readonly [names: readonly string[], load: () => Promise<AddCommand>])[] = [
  [['dev'], async () => (await import('./dev.js')).devCommand],
  [['serve'], async () => (await import('./serve.js')).serveCommand],
  [['request'], async () => (await import('./request.js')).requestCommand],
  [
    ['credit', 'debit', 'transfer', 'batch'],
    async () => (await import('./command-request.js')).movementCommands,
  ],
  [['import'], async () => (await import('./import.js')).importCommand],
  [['publish'], async () => (await import('./publish.js')).publishCommand],
  [['seed'], async () => (await import('./seed.js')).seedCommand],
  [['status'], async () => (await import('./status.js')).statusCommand],
  [['stream'], async () => (await import('./stream.js')).streamCommand],
  [['permissions'], async () => (await import('./permissions.js')).permissionsCommand],
  [['control-plane'], async () => (await import('./control-plane.js')).controlPlaneCommand],
  [['dead-letters'], async () => (await import('./dead-letters.js')).deadLettersCommand],
  [['parked'], async () => (await import('./parked.js')).parkedCommand],
  [['replay'], async () => (await import('./replay.js')).replayCommand],
  [['recover'], async () => (await import('./recover.js')).recoverCommand],
  [['verify'], async () => (await import('./verify.js')).verifyCommand],
  [['heads'], async () => (await import('./heads.js')).headsCommand],
  [['prove'], async () => (await import('./prove.js')).proveCommand],
  [['chaos'], async () => (await import('./chaos.js')).chaosCommand],
]

/** The functions that add the subcommand of this name; those of all subcommands when none has it. */
const loadSubcommands = (name: string | undefined): Promise<readonly AddCommand[]> => {
  const called = SUBCOMMANDS.filter(([names]) => names.some(each => each === name))
  return Promise.all((called.length > 0 ? called : SUBCOMMANDS).map(([, load]) => load()))
}

const createProgram = (subcommands: readonly AddCommand[]): Command => {
  const program = new Command('jetledger')
    .description('A customer-balance ledger on NATS JetStream, projected into DynamoDB')
    .version(VERSION)
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows how)')
    // must come before the subcommands are added, because they inherit it
    .exitOverride()
  for (const add of subcommands) add(program)
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
    const [, , name] = process.argv
    await createProgram(await loadSubcommands(name)).parseAsync()
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
