/** Renders the reference page of the command line (docs/commands.md) from the definitions of the subcommands. */

import type { Command, Option } from 'commander'
import { callsOf, pathOf } from '../../src/cli/calls.js'
import { exampleOf } from '../../src/cli/subcommands.js'

const HEAD = `# The commands

\`jetledger <command> --help\` prints the same. The page is made from the definitions of the commands (\`src/cli\`): after a change, \`npx vitest run -u src/cli/program.unit.spec.ts\` writes it anew.

Exit codes of every command:

| code | |
|---|---|
| 0 | done |
| 1 | refused, failed, or differences found; \`status\`: nobody serves, or with \`--check\` something is wrong |
| 2 | called wrongly: arguments, the environment, a context, an unusable file; \`verify\`: it could not be checked |
| 3 | the ledger could not be reached or did not answer. After a write its outcome is not known: send it again with the transaction id that is printed, which has one effect |

Which ledger a command goes to: the first of these that there is counts, and alone, so that the login of one ledger is never sent to another.

1. \`--context <name>\`
2. \`--server <url>\`, or \`NATS_URL\` with the variables of the login
3. \`JETLEDGER_CONTEXT\`; set beside \`NATS_URL\` it is refused
4. the running \`jetledger dev\` of this folder, or of \`JETLEDGER_DATA_DIR\`
5. the context that \`jetledger context use\` chose; \`serve\` takes none that was only chosen so
6. \`nats://127.0.0.1:4222\`

\`--creds <file>\` counts instead of every other login; \`--server\` beside \`--context\` goes to that server with the login of the context. The tables are those of \`DDB_TABLE\`, \`AWS_REGION\` and \`AWS_ENDPOINT_URL_DYNAMODB\`, unless the context names them.

Results go to standard output, everything else to standard error. On a terminal, lists are tables with headings; elsewhere they are rows with two blanks between the cells. When the reader of a pipe goes away the command ends its work and prints nothing more.
`

/** The defaults of these are other ones for each person and each run. */
const VARYING = new Set(['--by', '--seed'])

/** These options are explained once, at the top. */
const COMMON = new Set(['--server', '--creds', '--context'])

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const defaultOf = ({ defaultValue, long }: Option): string => {
  const is_stated = ['string', 'number'].includes(typeof defaultValue) && !VARYING.has(long ?? '')
  return is_stated ? ` (default: ${defaultValue})` : ''
}

const optionRow = (option: Option): string =>
  `| \`${option.flags.replaceAll('|', '\\|')}\` | ${cell(option.description)}${defaultOf(option)}${option.mandatory ? '; must be given' : ''} |`

const callPart = (call: Command): string => {
  const name = pathOf(call).join(' ')
  const own = call.options.filter(({ long, hidden }) => !COMMON.has(long ?? '') && !hidden)
  const to_ledger = call.options.length > own.length ? ' Takes `--server`, `--creds`, `--context`.' : ''
  const usage = [
    name,
    ...call.registeredArguments.map(one => (one.required ? `<${one.name()}>` : `[${one.name()}]`)),
  ]
  const options = own.length === 0 ? '' : `\n| option | |\n|---|---|\n${own.map(optionRow).join('\n')}\n`
  return `### jetledger ${usage.join(' ')}\n\n${call.description()}.${to_ledger}\n\n    ${exampleOf(call)}\n${options}`
}

const groupsOf = (program: Command): Map<string, Command[]> => {
  const groups = new Map<string, Command[]>()
  for (const command of program.commands) {
    const heading = command.helpGroup()
    groups.set(heading, [...(groups.get(heading) ?? []), command])
  }
  return groups
}

/** The whole page. */
export const commandsPage = (program: Command): string => {
  const parts = [...groupsOf(program)].map(
    ([heading, commands]) =>
      `## ${heading.replace(/:$/, '')}\n\n${commands.flatMap(callsOf).map(callPart).join('\n')}`,
  )
  return `${HEAD}\n${parts.join('\n')}`
}
