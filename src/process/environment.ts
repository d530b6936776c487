/**
 * Finds the ledger that a subcommand talks to: the one that the environment names, else the `jetledger dev` of this
 * folder.
 *
 * A running `dev` leaves a note with its addresses in its data folder. The note counts only while NATS_URL is not
 * set, and then for all addresses, so that a command never mixes the stream of one ledger with the tables of another.
 * Where that `dev` has logins, JETLEDGER_USER says whose a subcommand uses.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, type Either, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { ACCESS_VARIABLES, type Config, decodeConfig } from './config.js'
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

const decodeOrFail = (env: Variables): Config => {
  const config = orRefuse('the environment is not right', decodeConfig(env))
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
): Environment => ({
  config: decodeOrFail({
    ...process.env,
    ...WITHOUT_ACCESS,
    ...(logins === undefined ? {} : accessAs(logins, user)),
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

/**
 * The configuration of a subcommand. `options` holds variables from its command line, which override the environment.
 * Throws `Failure` with every problem in one sentence.
 */
export const readEnvironment = (options: Variables = {}): Environment => {
  const config = decodeOrFail({ ...process.env, ...definedOf(options) })
  const note = (process.env.NATS_URL ?? '') === '' ? readNote(DEFAULT_DATA_DIR) : undefined
  const user = process.env[USER_VARIABLE] ?? ''
  if (user !== '' && note?.logins === undefined)
    throw new Failure(
      `${USER_VARIABLE}: it counts only for a running "jetledger dev --secure", and only while NATS_URL is not set`,
      { exit_code: 2 },
    )
  return note === undefined ? { config } : embeddedEnvironment(note, user || DEFAULT_USER, options)
}
