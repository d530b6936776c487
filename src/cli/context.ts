/**
 * `jetledger context add|list|use|remove`: names for ledgers and the logins for them (`src/process/contexts.ts`).
 */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { E } from '../fp.js'
import { decodeConfig } from '../process/config.js'
import {
  type ContextFile,
  findContext,
  isContextName,
  listContexts,
  type NamedContext,
  removeContext,
  selectContext,
  selectedContext,
  variablesOf,
  writeContext,
} from '../process/contexts.js'
import { Failure } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { readTextFile, STANDARD_INPUT } from '../process/text-file.js'
import { printTable } from './table.js'

type AddOptions = {
  readonly server: string
  readonly creds?: string
  readonly nkey?: string
  readonly user?: string
  readonly passwordStdin?: true
  readonly tokenStdin?: true
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly tlsFirst?: true
  readonly inboxPrefix?: string
  readonly table?: string
  readonly region?: string
  readonly dynamodb?: string
  readonly description?: string
  readonly replace?: true
  readonly use?: true
  readonly json?: true
}
type Json = { readonly json?: true }

const refuse = (message: string): Failure => new Failure(message, { exit_code: 2 })

const checkName = (name: string): void => {
  if (!isContextName(name))
    throw refuse(
      `${JSON.stringify(name)} is no name of a context: letters, digits, "_", "-" and ".", 64 at most`,
    )
}

/** The context of this name. Throws `Failure` when there is none. */
const existing = (name: string): NamedContext => {
  const found = findContext(process.env, name)
  if (found === undefined)
    throw refuse(`there is no context ${JSON.stringify(name)} ("jetledger context list" shows them)`)
  return found
}

/** A secret from standard input: on the command line every user of the machine could read it. */
const readSecret = (option: string): string => {
  const text = readTextFile(option, STANDARD_INPUT).replace(/\r?\n$/, '')
  if (text === '') throw refuse(`${option}: standard input is empty`)
  return text
}

const definedOf = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A

/** A path as it is from every folder. */
const absolute = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : resolve(path)

const fileOf = (options: AddOptions): ContextFile =>
  definedOf<ContextFile>({
    description: options.description,
    url: options.server,
    user: options.user,
    password: options.passwordStdin ? readSecret('--password-stdin') : undefined,
    token: options.tokenStdin ? readSecret('--token-stdin') : undefined,
    creds: absolute(options.creds),
    nkey: absolute(options.nkey),
    ca: absolute(options.ca),
    cert: absolute(options.cert),
    key: absolute(options.key),
    tls_first: options.tlsFirst,
    inbox_prefix: options.inboxPrefix,
    ddb_table: options.table,
    aws_region: options.region,
    aws_endpoint_url_dynamodb: options.dynamodb,
  })

const add = (name: string, options: AddOptions): void => {
  checkName(name)
  if (options.passwordStdin && options.tokenStdin)
    throw refuse('--password-stdin, --token-stdin: only one of them, because a connection has one login')
  const before = findContext(process.env, name)
  if (before?.source === 'jetledger' && !options.replace)
    throw new Failure(`there is a context ${name} already: --replace puts this one in its place`)
  const file = fileOf(options)
  // it is checked now, and not when somebody needs it
  const checked = decodeConfig(variablesOf(file))
  if (E.isLeft(checked)) throw refuse(`the context is not right: ${checked.left}`)
  const path = writeContext(process.env, name, file)
  if (options.use) selectContext(process.env, name)
  if (options.json) printJson({ name, path, is_selected: options.use === true })
  else print(`${path}${options.use ? ', in use' : ''}`)
}

type Shown = {
  readonly name: string
  readonly is_selected: boolean
  readonly source: string
  readonly servers: readonly string[]
  /** The kind of login, and nothing of the login itself. */
  readonly login: string
  readonly table: string
  readonly description: string
  readonly problem?: string
}

const shownOf = ({ name, source, file }: NamedContext, selected: string | undefined): Shown => {
  const base = { name, is_selected: name === selected, source }
  const nothing = { servers: [], login: '', table: '', description: '' }
  if (E.isLeft(file)) return { ...base, ...nothing, problem: file.left }
  const config = decodeConfig(variablesOf(file.right))
  if (E.isLeft(config)) return { ...base, ...nothing, problem: config.left }
  const { nats } = config.right
  const { ddb_table = '', description = '' } = file.right
  return { ...base, servers: nats.urls, login: nats.login.tag, table: ddb_table, description }
}

const printContexts = (shown: readonly Shown[]): void =>
  printTable(
    ['NAME', 'IN USE', 'OF', 'SERVERS', 'LOGIN', 'TABLES', 'DESCRIPTION'],
    shown.map(({ name, is_selected, source, servers, login, table, description, problem }) => [
      name,
      is_selected ? 'yes' : '',
      source,
      servers.join(','),
      login,
      table,
      problem ?? description,
    ]),
  )

const list = ({ json }: Json): void => {
  const selected = selectedContext(process.env)
  const shown = listContexts(process.env).map(context => shownOf(context, selected))
  if (json) printJson(shown)
  else if (shown.length === 0) print('there are no contexts: "jetledger context add" makes one')
  else printContexts(shown)
}

const select = (name: string | undefined, { none, json }: Json & { readonly none?: true }): void => {
  if ((name === undefined) === (none !== true)) throw refuse('name a context, or say --none')
  if (name !== undefined) {
    const { file } = existing(name)
    if (E.isLeft(file)) throw refuse(`the context ${name} cannot be used: ${file.left}`)
  }
  selectContext(process.env, name)
  if (json) printJson({ in_use: name ?? null })
  else print(name === undefined ? 'no context is in use' : `the context ${name} is in use`)
}

const remove = (name: string, { json }: Json): void => {
  const { source } = existing(name)
  if (source === 'nats')
    throw new Failure(`the context ${name} is one of the nats command: "nats context rm" removes it`)
  removeContext(process.env, name)
  if (json) printJson({ removed: name })
  else print(`the context ${name} is removed`)
}

const HELP = `
Contexts are files in $XDG_CONFIG_HOME/jetledger/context (~/.config if that is not set), which only their owner may read.
Those of the nats command are read where they are. A subcommand uses one by --context, by JETLEDGER_CONTEXT, or because it is
in use and nothing else names a ledger; "jetledger serve" takes no context that is merely in use.`

const addAdd = (context: Command): void => {
  context
    .command('add <name>')
    .description('write a context; it is checked, and connects to nothing')
    .requiredOption('--server <url>', 'where its NATS is, several with commas between them')
    .option('--creds <file>', 'the login: a .creds file')
    .option('--nkey <file>', 'the login: a file with the seed of an nkey')
    .option('--user <name>', 'the login: a user, with --password-stdin')
    .option('--password-stdin', 'read the password from standard input; it is kept in the file')
    .option('--token-stdin', 'the login: a token, read from standard input; it is kept in the file')
    .option('--ca <file>', 'the certificate of your own CA')
    .option('--cert <file>', "the client's certificate")
    .option('--key <file>', "the key of the client's certificate")
    .option('--tls-first', 'begin with TLS, for servers with handshake_first')
    .option('--inbox-prefix <prefix>', 'the prefix of the inboxes that the user may subscribe to')
    .option('--table <name>', 'the base name of the tables, as DDB_TABLE')
    .option('--region <name>', 'as AWS_REGION')
    .option('--dynamodb <url>', 'as AWS_ENDPOINT_URL_DYNAMODB')
    .option('--description <text>', 'what it is for')
    .option('--replace', 'in the place of a context of this name')
    .option('--use', 'use it from now on')
    .option('--json', 'print what was written as JSON')
    .action(add)
}

export const contextCommand = (program: Command): void => {
  const context = program
    .command('context')
    .description('names for ledgers and the logins for them')
    .addHelpText('after', HELP)
  addAdd(context)
  context
    .command('list')
    .description('list the contexts, also those of the nats command')
    .option('--json', 'print them as JSON')
    .action(list)
  context
    .command('use [name]')
    .description('use a context where nothing else names a ledger')
    .option('--none', 'use none from now on')
    .option('--json', 'print the name as JSON')
    .action(select)
  context
    .command('remove <name>')
    .description('remove a context; nothing else is removed')
    .option('--json', 'print the name as JSON')
    .action(remove)
}
