/**
 * The command line `jetledger`. Each subcommand has its own file; this one makes the program of them and ends the process.
 *
 * Only the file of the subcommand that is called is loaded: to load them all takes longer than most calls. A word that is
 * no subcommand's name, like `--help`, loads them all.
 */

import { CommanderError } from 'commander'
import { Failed } from '../fp.js'
import { Failure, failureOf } from '../process/failure.js'
import { keepQuietWhenClosed, tell, tellStack } from '../process/output.js'
import { createProgram } from './program.js'
import { loadSubcommands } from './subcommands.js'

/** The exit code for an error. Commander's own code is 1 for a wrong call and 0 after help; here a wrong call is 2. */
const codeOf = (thrown: unknown): number => {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  // an adapter's error that no subcommand has words of its own for
  const failure = thrown instanceof Failed ? failureOf(thrown.error) : thrown
  if (failure instanceof Failure) {
    tell(`jetledger: ${failure.message}`)
    return failure.exit_code
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

keepQuietWhenClosed()

// the AWS SDK would print its own notice about the version of Node at every command; package.json states the
// supported one
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

// a pending first connection must not keep a stopped process alive
process.exit(await main())
