/**
 * Finds the ledger that a subcommand talks to. The first of these that there is counts, and alone: the context of
 * `--context`; `--server` or NATS_URL; the context of JETLEDGER_CONTEXT; the `jetledger dev` of this folder; the context
 * that `jetledger context use` chose; the NATS of this machine. So the login of one ledger is never sent to another, and
 * nobody pays into a distant ledger where their own `dev` is running.
 *
 * A running `dev` leaves a note with its addresses in its data folder. The note counts for all addresses, so that a command
 * never mixes the stream of one ledger with the tables of another. Where that `dev` has logins, JETLEDGER_USER says whose a
 * subcommand uses.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, type Either, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { ACCESS_VARIABLES, type Config, decodeConfig, LOGIN_VARIABLES } from './config.js'
import { findContext, selectedContext, variablesOf } from './contexts.js'
import { Failure } from './failure.js'
import { decodeRolesFile, withRolesFile } from './roles-file.js'
import { readTextFile } from './text-file.js'

/** The folder in which `jetledger dev` keeps its data; JETLEDGER_DATA_DIR changes it. */
export const DEFAULT_DATA_DIR = process.env.JETLEDGER_DATA_DIR || '.jetledger'

const NOTE = 'listening.json'

/** What a `dev --secure` wants to see: the folder of its users' .creds files, its CA, and the key of its table server. */
const Logins = fieldsOf({ users: t.string, ca: t.string, dynamodb_key: t.string })
export type Logins = t.TypeOf<typeof Logins>

const Note = fieldsOf(
  { nats_url: t.string, dynamodb_endpoint: t.string, replicas: t.number },
  { logins: Logins },
)
export type Listening = t.TypeOf<typeof Note>

/** The user of a subcommand that names none: it can make nothing be written. */
const DEFAULT_USER = 'reader'
const USER_VARIABLE = 'JETLEDGER_USER'
const CONTEXT_VARIABLE = 'JETLEDGER_CONTEXT'
const CREDS = '.creds'

/** The region and credentials for an embedded DynamoDB server. It checks no credentials unless it has a key. */
const localAws = (key = 'local') => ({
  region: 'local',
  credentials: { accessKeyId: key, secretAccessKey: key },
})

export type Environment = {
  readonly config: Config
  /** The region and credentials for an embedded server; when undefined, the SDK looks for them in its usual places. */
  readonly aws?: ReturnType<typeof localAws>
}

/** Writes the note with the addresses of a running `dev`, which removes it when it stops. */
export const noteListening = (data_dir: string, listening: Listening): void => {
  mkdirSync(data_dir, { recursive: true })
  // it may hold a key
  writeFileSync(join(data_dir, NOTE), JSON.stringify(listening), { mode: 0o600 })
}

export const forgetListening = (data_dir: string): void => rmSync(join(data_dir, NOTE), { force: true })

const readNote = (data_dir: string): Listening | undefined =>
  pipe(
    E.tryCatch(() => readFileSync(join(data_dir, NOTE)), String),
    E.chain(readJson),
    E.chainW(Note.decode),
    E.getOrElseW(() => undefined),
  )

type Variables = Readonly<Record<string, string | undefined>>

/** The login of another NATS must not be sent to an embedded one, which needs none unless it was made with logins. */
const WITHOUT_ACCESS: Variables = Object.fromEntries(ACCESS_VARIABLES.map(name => [name, undefined]))

const orRefuse = <A>(what: string, decoded: Either<string, A>): A =>
  pipe(
    decoded,
    E.getOrElse((problems): A => {
      throw new Failure(`${what}: ${problems}`, { exit_code: 2 })
    }),
  )

const decodeOrFail = (env: Variables, named = 'the environment'): Config => {
  const config = orRefuse(`${named} is not right`, decodeConfig(env))
  const path = config.JETLEDGER_ROLES_FILE
  if (path === undefined) return config
  const is_explicit = (env.JETLEDGER_ROLES ?? '') !== ''
  const what = `JETLEDGER_ROLES_FILE ${path}`
  const file = orRefuse(what, decodeRolesFile(readTextFile(what, path)))
  return orRefuse(what, withRolesFile(config, file, is_explicit))
}

/** The configuration from the environment alone. Throws `Failure` with every problem in one sentence. */
export const environmentConfig = (): Config => decodeOrFail(process.env)

/** The variables with the login of a user. Throws `Failure` for an unknown one. */
const accessAs = ({ users, ca }: Logins, user: string): Variables => {
  const file = join(users, `${user}${CREDS}`)
  const known = readdirSync(users).filter(name => name.endsWith(CREDS))
  if (!known.includes(`${user}${CREDS}`)) {
    const names = known.map(name => name.slice(0, -CREDS.length)).join(', ')
    throw new Failure(`${USER_VARIABLE}: there is no user ${JSON.stringify(user)}; the users are ${names}`, {
      exit_code: 2,
    })
  }
  return { NATS_CREDS_FILE: file, NATS_TLS_CA: ca, NATS_INBOX_PREFIX: `_INBOX.${user}` }
}

/**
 * The configuration for an embedded ledger: the environment, but with the addresses of the embedded servers, with the login
 * of `user` where they want one, and with every role unless `options` names some.
 */
export const embeddedEnvironment = (
  { nats_url, dynamodb_endpoint, replicas, logins }: Listening,
  user: string,
  options: Variables = {},
  login: Variables = {},
): Environment => ({
  config: decodeOrFail({
    ...process.env,
    ...WITHOUT_ACCESS,
    ...(logins === undefined ? {} : accessAs(logins, user)),
    ...login,
    NATS_URL: nats_url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb_endpoint,
    JETLEDGER_REPLICAS: String(replicas),
    JETLEDGER_ROLES: options.JETLEDGER_ROLES,
    JETLEDGER_ROLES_FILE: options.JETLEDGER_ROLES_FILE,
  }),
  aws: localAws(logins?.dynamodb_key),
})

const definedOf = (variables: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined))

/** What the options of a subcommand say about the ledger it is meant for. */
export type ConnectionOptions = {
  readonly server?: string
  /** The path of a .creds file; it counts instead of every other login. */
  readonly creds?: string
  /** The name of a context. */
  readonly context?: string
}

let connection: ConnectionOptions = {}

/** Notes the options of the subcommand that this process runs. Like the environment they are the same for all its parts. */
export const chooseConnection = (options: ConnectionOptions): void => {
  connection = options
}

const refuse = (message: string): never => {
  throw new Failure(message, { exit_code: 2 })
}

/** The environment with the access, and the tables, that a context names. Throws `Failure` for a context of no use. */
const withContext = (env: Variables, name: string, chosen_by: string): Variables => {
  const found = findContext(env, name)
  if (found === undefined)
    return refuse(
      `${chosen_by}: there is no context ${JSON.stringify(name)} ("jetledger context list" shows them)`,
    )
  const file = orRefuse(`the context ${name} cannot be used`, found.file)
  return { ...env, ...WITHOUT_ACCESS, NATS_INBOX_PREFIX: undefined, ...variablesOf(file) }
}

/** The variables of the login that `--creds` names, and no other login beside it. */
const loginByOption = (): Variables =>
  connection.creds === undefined
    ? {}
    : {
        ...Object.fromEntries(LOGIN_VARIABLES.map(name => [name, undefined])),
        NATS_CREDS_FILE: connection.creds,
      }

type Chosen =
  | { readonly tag: 'variables'; readonly named: string; readonly env: Variables }
  | { readonly tag: 'dev'; readonly note: Listening }

/** The first source that says where the ledger is. `may_use_selected`: whether the context of `context use` is one of them. */
const chooseSource = (env: Variables, may_use_selected: boolean): Chosen => {
  const isSet = (name: string): boolean => (env[name] ?? '') !== ''
  const fromContext = (name: string, chosen_by: string): Chosen => ({
    tag: 'variables',
    named: `the context ${name}`,
    env: withContext(env, name, chosen_by),
  })
  const of_environment: Chosen = { tag: 'variables', named: 'the environment', env }
  if (connection.context !== undefined) return fromContext(connection.context, '--context')
  if (connection.server !== undefined) return of_environment
  if (isSet('NATS_URL') && isSet(CONTEXT_VARIABLE))
    return refuse(`NATS_URL, ${CONTEXT_VARIABLE}: only one of them may be set, because each names a ledger`)
  if (isSet('NATS_URL')) return of_environment
  if (isSet(CONTEXT_VARIABLE)) return fromContext(env[CONTEXT_VARIABLE] ?? '', CONTEXT_VARIABLE)
  const note = readNote(DEFAULT_DATA_DIR)
  if (note !== undefined) return { tag: 'dev', note }
  const selected = may_use_selected ? selectedContext(env) : undefined
  return selected === undefined ? of_environment : fromContext(selected, 'jetledger context use')
}

/**
 * The configuration of a subcommand. `options` holds variables from its command line, which override the environment.
 * Throws `Failure` with every problem in one sentence.
 */
export const readEnvironment = (
  options: Variables = {},
  { may_use_selected = true }: { readonly may_use_selected?: boolean } = {},
): Environment => {
  const env = { ...process.env, ...definedOf(options) }
  // a wrong variable is told also where another source counts
  const checked = decodeOrFail(env)
  const chosen = chooseSource(env, may_use_selected)
  const user = env[USER_VARIABLE] ?? ''
  if (user !== '' && (chosen.tag !== 'dev' || chosen.note.logins === undefined))
    return refuse(
      `${USER_VARIABLE}: it counts only for a running "jetledger dev --secure", and only while no other ledger is named`,
    )
  if (chosen.tag === 'dev')
    return embeddedEnvironment(chosen.note, user || DEFAULT_USER, options, loginByOption())
  if (chosen.env === env && connection.server === undefined && connection.creds === undefined)
    return { config: checked }
  const server = connection.server === undefined ? {} : { NATS_URL: connection.server }
  return { config: decodeOrFail({ ...chosen.env, ...loginByOption(), ...server }, chosen.named) }
}
