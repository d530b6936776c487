/**
 * Which ledger a subcommand talks to: the one that the environment names, else the `jetledger dev` of this folder.
 *
 * A running `dev` leaves a note of where it listens in its data folder. The note counts only while NATS_URL is not
 * set, and then for everything, so that a command never mixes one ledger's stream with another's tables.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, pipe, t } from '../fp.js'
import { type Config, decodeConfig } from './config.js'
import { Failure } from './failure.js'

/** Where `jetledger dev` keeps its data: below the folder it is started in, unless JETLEDGER_DATA_DIR says otherwise. */
export const DEFAULT_DATA_DIR = process.env.JETLEDGER_DATA_DIR || '.jetledger'

const NOTE = 'listening.json'

const Note = t.type({ nats_url: t.string, dynamodb_endpoint: t.string, replicas: t.number })
export type Listening = t.TypeOf<typeof Note>

/** What an embedded DynamoDB server wants to be told and does not look at. */
export const LOCAL_AWS = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

export type Environment = {
  readonly config: Config
  /** Set for an embedded server; undefined lets the SDK look for credentials as it does everywhere. */
  readonly aws?: typeof LOCAL_AWS
}

/** Leaves the note; `dev` removes it when it stops. */
export const noteListening = (data_dir: string, listening: Listening): void => {
  mkdirSync(data_dir, { recursive: true })
  writeFileSync(join(data_dir, NOTE), JSON.stringify(listening))
}

export const forgetListening = (data_dir: string): void => rmSync(join(data_dir, NOTE), { force: true })

const readNote = (data_dir: string): Listening | undefined =>
  pipe(
    E.tryCatch(() => JSON.parse(readFileSync(join(data_dir, NOTE), 'utf8')) as unknown, String),
    E.chainW(Note.decode),
    E.getOrElseW(() => undefined),
  )

const decodeOrFail = (env: Readonly<Record<string, string | undefined>>): Config =>
  pipe(
    decodeConfig(env),
    E.getOrElse((problems): Config => {
      throw new Failure(`the environment is not right: ${problems}`, { exit_code: 2 })
    }),
  )

/** The environment alone. Throws `Failure` with every problem in one sentence. */
export const environmentConfig = (): Config => decodeOrFail(process.env)

/** The configuration for an embedded ledger: the environment, but its own addresses and every role. */
export const embeddedEnvironment = ({ nats_url, dynamodb_endpoint, replicas }: Listening): Environment => ({
  config: decodeOrFail({
    ...process.env,
    NATS_URL: nats_url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb_endpoint,
    JETLEDGER_REPLICAS: String(replicas),
    JETLEDGER_ROLES: undefined,
    NATS_CREDENTIALS: undefined,
    NATS_CREDS_FILE: undefined,
    NATS_TLS_CA: undefined,
  }),
  aws: LOCAL_AWS,
})

/** The configuration of a subcommand. Throws `Failure` with every problem of the environment in one sentence. */
export const readEnvironment = (): Environment => {
  const config = environmentConfig()
  const note = (process.env.NATS_URL ?? '') === '' ? readNote(DEFAULT_DATA_DIR) : undefined
  return note === undefined ? { config } : embeddedEnvironment(note)
}
