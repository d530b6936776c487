/**
 * `jetledger permissions nsc|nats-server|json`: prints what each NATS user of a ledger may do, in the form of a command, a
 * configuration or data. It connects to nothing.
 */

import { type Command, InvalidArgumentError } from 'commander'
import { authorizationBlock, claimsOf, nscScript, SCOPED, SINGLE, templateOf } from '../permissions/render.js'
import { type Deployment, permissionsOf } from '../permissions/users.js'
import { print, printJson } from '../process/output.js'
import { replyPrefixProblem } from '../service/replies.js'

type Options = {
  readonly account: string
  readonly replyPrefix: readonly string[]
  readonly imports?: true
  readonly domain?: string
}

/** One token of a subject, and a name that a shell and nats-server take as it is. */
const TOKEN = /^[\w-]{1,64}$/

const token = (text: string): string => {
  if (!TOKEN.test(text)) throw new InvalidArgumentError('must be letters, digits, "-" and "_".')
  return text
}

const prefixes = (text: string, before: readonly string[]): readonly string[] => {
  const problem = replyPrefixProblem(text)
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`)
  return [...before, text]
}

const deploymentOf = ({ replyPrefix, imports, domain }: Options): Deployment => ({
  reply_prefixes: replyPrefix,
  has_imports: imports === true,
  ...(domain === undefined ? {} : { domain }),
})

/** `print` writes one line: a line break within a text of others could forge one. */
const printLines = (text: string): void => {
  for (const line of text.trimEnd().split('\n')) print(line)
}

const printClaims = (deployment: Deployment): void =>
  printJson({
    users: Object.fromEntries(SINGLE.map(user => [user, claimsOf(permissionsOf(user, deployment))])),
    scoped_signing_keys: Object.fromEntries(
      SCOPED.map(user => [user, claimsOf(templateOf(user, deployment))]),
    ),
  })

const FORMS: Readonly<Record<string, { readonly what: string; readonly show: (options: Options) => void }>> =
  {
    nsc: {
      what: 'a shell script of nsc commands: a user for each role, a scoped signing key for each kind of callers',
      show: options => printLines(nscScript(options.account, deploymentOf(options))),
    },
    'nats-server': {
      what: "the authorization block of a nats-server's configuration, with passwords from its environment",
      show: options => printLines(authorizationBlock(deploymentOf(options))),
    },
    json: {
      what: 'the claims of the JWTs, as JSON',
      show: options => printClaims(deploymentOf(options)),
    },
  }

export const permissionsCommand = (program: Command): void => {
  const permissions = program
    .command('permissions')
    .description('what each NATS user of a ledger may do, to be handed out by an operator')
  for (const [form, { what, show }] of Object.entries(FORMS))
    permissions
      .command(form)
      .description(what)
      .option('--account <name>', 'the account of the ledger, for nsc', token, 'LEDGER')
      .option(
        '--reply-prefix <prefix>',
        'a prefix of inboxes that the service answers beside _INBOX (JETLEDGER_REPLY_PREFIXES); may be repeated',
        prefixes,
        [],
      )
      .option('--imports', 'other accounts import the service')
      .option('--domain <name>', 'the JetStream domain of the servers', token)
      .action(show)
}
