/**
 * Contexts: files that name a ledger and the login for it, so that a subcommand can be sent to one by name.
 *
 * They have the form and the places of the contexts of the stock `nats` command, and its own contexts are read too. Ours lie
 * in `$XDG_CONFIG_HOME/jetledger/context/<name>.json` and may also name the tables; of two with one name ours counts. A file
 * is turned into the variables of the environment that mean the same, so there is one codec for both.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { E, type Either, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'

type Variables = Readonly<Record<string, string | undefined>>

const STOCK = {
  description: t.string,
  url: t.string,
  user: t.string,
  password: t.string,
  token: t.string,
  creds: t.string,
  nkey: t.string,
  ca: t.string,
  cert: t.string,
  key: t.string,
  inbox_prefix: t.string,
  tls_first: t.boolean,
}
const OWN = { ddb_table: t.string, aws_region: t.string, aws_endpoint_url_dynamodb: t.string }

const ContextFile = fieldsOf({}, { ...STOCK, ...OWN })
/** The content of a context. Empty texts count as absent: the stock command writes every field. */
export type ContextFile = t.TypeOf<typeof ContextFile>

/** Fields of the stock command that change how servers are reached, which this program cannot do: they are not passed over. */
const NOT_SPOKEN = [
  'nsc',
  'user_jwt',
  'user_seed',
  'socks_proxy',
  'jetstream_domain',
  'jetstream_api_prefix',
  'windows_cert_store',
]

type ContextSource = 'jetledger' | 'nats'
export type NamedContext = {
  readonly name: string
  readonly source: ContextSource
  /** Left: one sentence that says why the file is of no use, without anything of its content. */
  readonly file: Either<string, ContextFile>
}

/** A name that is a file's name everywhere and needs no quotes in a shell. */
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/
export const isContextName = (name: string): boolean => NAME.test(name) && !name.includes('..')

const DIR_MODE = 0o700
const FILE_MODE = 0o600
const JSON_SUFFIX = '.json'

const configHome = (env: Variables): string => env.XDG_CONFIG_HOME || join(homedir(), '.config')
const folderOf = (env: Variables, source: ContextSource): string => join(configHome(env), source, 'context')
const pathOf = (env: Variables, source: ContextSource, name: string): string =>
  join(folderOf(env, source), `${name}${JSON_SUFFIX}`)
const selectionPath = (env: Variables): string => join(configHome(env), 'jetledger', 'context.txt')

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw cause
  }
}

const isSet = (value: unknown): boolean => value !== undefined && value !== '' && value !== false

const decodeFile = (path: string, text: string): Either<string, ContextFile> => {
  const read = readJson(text)
  // the reason would quote the text, which may hold a password
  if (E.isLeft(read)) return E.left(`${path} is not JSON`)
  return pipe(
    ContextFile.decode(read.right),
    E.mapLeft(errors => `${path}: ${describeErrors(errors)}`),
    E.chain(file => {
      const unspoken = NOT_SPOKEN.filter(name => isSet((read.right as Record<string, unknown>)[name]))
      return unspoken.length === 0
        ? E.right(file)
        : E.left(`${path}: jetledger knows nothing of ${unspoken.join(', ')}`)
    }),
  )
}

/** The context of this name; undefined when there is none. */
export const findContext = (env: Variables, name: string): NamedContext | undefined => {
  if (!isContextName(name)) return undefined
  for (const source of ['jetledger', 'nats'] as const) {
    const path = pathOf(env, source, name)
    const text = readText(path)
    if (text !== undefined) return { name, source, file: decodeFile(path, text) }
  }
  return undefined
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter(file => file.endsWith(JSON_SUFFIX))
      .map(file => file.slice(0, -JSON_SUFFIX.length))
  } catch {
    // without a folder there are no contexts of this kind
    return []
  }
}

/** All contexts, ours and those of the stock command, by name. */
export const listContexts = (env: Variables): readonly NamedContext[] => {
  const names = new Set([...namesIn(folderOf(env, 'jetledger')), ...namesIn(folderOf(env, 'nats'))])
  return [...names].sort().flatMap(name => findContext(env, name) ?? [])
}

/** The name that `jetledger context use` chose; undefined when none is chosen. */
export const selectedContext = (env: Variables): string | undefined =>
  readText(selectionPath(env))?.trim() || undefined

const writePrivate = (folder: string, path: string, text: string): void => {
  mkdirSync(folder, { recursive: true, mode: DIR_MODE })
  const beside = `${path}.${process.pid}`
  // a new file has the mode from its beginning, and a rename never leaves half a file
  writeFileSync(beside, text, { mode: FILE_MODE, flag: 'wx' })
  renameSync(beside, path)
}

/** Writes a context of ours for its owner alone, in the place of an older one of this name. */
export const writeContext = (env: Variables, name: string, file: ContextFile): string => {
  const path = pathOf(env, 'jetledger', name)
  writePrivate(folderOf(env, 'jetledger'), path, `${JSON.stringify(file, undefined, 2)}\n`)
  return path
}

/** Chooses the context for subcommands that are told of no other ledger; undefined: none from now on. */
export const selectContext = (env: Variables, name: string | undefined): void => {
  if (name === undefined) rmSync(selectionPath(env), { force: true })
  else writePrivate(join(configHome(env), 'jetledger'), selectionPath(env), `${name}\n`)
}

/** Removes a context of ours, and chooses none where it was the chosen one. */
export const removeContext = (env: Variables, name: string): void => {
  rmSync(pathOf(env, 'jetledger', name), { force: true })
  if (selectedContext(env) === name) selectContext(env, undefined)
}

const PATH_VARIABLES = {
  creds: 'NATS_CREDS_FILE',
  nkey: 'NATS_NKEY',
  ca: 'NATS_TLS_CA',
  cert: 'NATS_TLS_CERT',
  key: 'NATS_TLS_KEY',
} as const
const TEXT_VARIABLES = {
  url: 'NATS_URL',
  user: 'NATS_USER',
  password: 'NATS_PASSWORD',
  token: 'NATS_TOKEN',
  inbox_prefix: 'NATS_INBOX_PREFIX',
  ddb_table: 'DDB_TABLE',
  aws_region: 'AWS_REGION',
  aws_endpoint_url_dynamodb: 'AWS_ENDPOINT_URL_DYNAMODB',
} as const

/** The stock command takes `~` at the beginning of a path for the home folder. */
const expanded = (path: string): string => path.replace(/^~(?=\/)/, homedir())

/** The variables that say what a context says; a field that it leaves out has none. */
export const variablesOf = (file: ContextFile): Variables => {
  const of = <K extends keyof ContextFile>(
    names: Readonly<Record<K, string>>,
    form: (value: string) => string,
  ) =>
    (Object.entries(names) as [K, string][]).flatMap(([field, variable]) => {
      const value = file[field]
      return typeof value === 'string' && value !== '' ? [[variable, form(value)] as const] : []
    })
  return Object.fromEntries([
    ...of(TEXT_VARIABLES, value => value),
    ...of(PATH_VARIABLES, expanded),
    ...(file.tls_first === true ? [['NATS_TLS_FIRST', 'true'] as const] : []),
  ])
}
