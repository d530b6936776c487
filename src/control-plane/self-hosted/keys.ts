/**
 * The folder with the keys of an operator, of its accounts and of their users: everything that signs, and nothing that a
 * server needs to be told. Files are for their owner only (0600), folders too (0700).
 *
 *     operator.jwt, operator.conf          public: who the operator is, and the part of a server's configuration about it
 *     keys/operator.nk                     needed by nobody after `init`: to be kept offline
 *     keys/operator-signing.nk             signs accounts
 *     keys/system.nk, system.creds         the system account, and the user who changes accounts
 *     accounts/<public key>/account.nk     signs nothing but this program's own short visits to the account
 *     accounts/<public key>/keys/<kind>.nk signs the users of a kind
 *     accounts/<public key>/users/<name>.creds
 *     deleted/<public key>                 an account that was deleted; a server that was away can bring its JWT back
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { E, Failed } from '../../fp.js'
import type { User } from '../../permissions/users.js'
import type { ProviderError } from '../provider.js'
import { keyOf, type NkeyPair, seedOf } from './jwt.js'

const OWNERS_FOLDER = 0o700
const OWNERS_FILE = 0o600

const fail = (message: string, cause?: unknown): never => {
  const error: ProviderError = { tag: 'Refused', message, cause }
  throw new Failed(error)
}

const why = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const makeFolder = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: OWNERS_FOLDER })
}

/** Writes a file whole or not at all. */
const writeWhole = (path: string, text: string): void => {
  const part = `${path}.part`
  writeFileSync(part, text, { mode: OWNERS_FILE })
  // the mode above is only that of a new file
  chmodSync(part, OWNERS_FILE)
  renameSync(part, path)
}

const writeKey = (path: string, key: NkeyPair): void => writeWhole(path, `${seedOf(key)}\n`)

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    return fail(`${path}: it cannot be read: ${why(cause)}`, cause)
  }
}

const readKey = (path: string): NkeyPair => {
  const key = keyOf(readText(path))
  return E.isLeft(key) ? fail(`${path}: ${key.left}`) : key.right
}

/** What `init` makes. */
export type OperatorFiles = {
  readonly operator: NkeyPair
  readonly signing: NkeyPair
  readonly system: NkeyPair
  readonly operator_jwt: string
  /** The part of a nats-server's configuration about the operator. */
  readonly conf: string
  readonly system_creds: string
}

/** Writes a new folder, whole or not at all. Throws `Failed` when there is one of that name already. */
export const writeOperator = (folder: string, files: OperatorFiles): void => {
  if (existsSync(folder)) fail(`${folder}: it is there already, and may hold the only keys of an operator`)
  const part = `${folder}.part`
  try {
    makeFolder(dirname(folder))
    rmSync(part, { recursive: true, force: true })
    makeFolder(join(part, 'keys'))
    makeFolder(join(part, 'accounts'))
    writeKey(join(part, 'keys', 'operator.nk'), files.operator)
    writeKey(join(part, 'keys', 'operator-signing.nk'), files.signing)
    writeKey(join(part, 'keys', 'system.nk'), files.system)
    writeWhole(join(part, 'operator.jwt'), files.operator_jwt)
    writeWhole(join(part, 'operator.conf'), files.conf)
    writeWhole(join(part, 'system.creds'), files.system_creds)
    renameSync(part, folder)
  } catch (cause) {
    fail(`${folder}: it cannot be written: ${why(cause)}`, cause)
  }
}

/** The keys of one account. */
export type AccountKeys = {
  readonly account: () => NkeyPair
  /** The key that signs users of a kind; undefined when it was not made here. */
  readonly scope: (kind: User) => NkeyPair | undefined
  readonly addScope: (kind: User, key: NkeyPair) => void
  readonly users: () => readonly { readonly name: string; readonly creds: string }[]
  readonly addUser: (name: string, creds: string) => void
  readonly dropUser: (name: string) => void
}

/** The keys of an operator. Its functions throw `Failed`. */
export type Keys = {
  readonly operator_jwt: string
  readonly system_creds: string
  readonly signing: () => NkeyPair
  /** The keys of an account that was made here; undefined for another one. */
  readonly of: (account: string) => AccountKeys | undefined
  readonly addAccount: (key: NkeyPair) => void
  /** Notes that an account is deleted, and removes its keys. */
  readonly dropAccount: (account: string) => void
  readonly isDropped: (account: string) => boolean
}

const CREDS = '.creds'

const accountKeys = (folder: string): AccountKeys => {
  const scopeFile = (kind: User): string => join(folder, 'keys', `${kind}.nk`)
  const userFile = (name: string): string => join(folder, 'users', name + CREDS)
  return {
    account: () => readKey(join(folder, 'account.nk')),
    scope: kind => (existsSync(scopeFile(kind)) ? readKey(scopeFile(kind)) : undefined),
    addScope: (kind, key) => writeKey(scopeFile(kind), key),
    users: () =>
      readdirSync(join(folder, 'users'))
        .filter(file => file.endsWith(CREDS))
        .toSorted()
        .map(file => ({ name: file.slice(0, -CREDS.length), creds: readText(join(folder, 'users', file)) })),
    addUser: (name, creds) => writeWhole(userFile(name), creds),
    dropUser: name => rmSync(userFile(name), { force: true }),
  }
}

/** Opens the folder that `init` made. Throws `Failed` when it is no such folder. */
export const openKeys = (folder: string): Keys => {
  const accountFolder = (account: string): string => join(folder, 'accounts', account)
  if (!existsSync(join(folder, 'operator.jwt')))
    return fail(`${folder}: it holds no keys of an operator; "jetledger control-plane init" makes them`)
  return {
    operator_jwt: readText(join(folder, 'operator.jwt')),
    system_creds: readText(join(folder, 'system.creds')),
    signing: () => readKey(join(folder, 'keys', 'operator-signing.nk')),
    of: account =>
      existsSync(join(accountFolder(account), 'account.nk'))
        ? accountKeys(accountFolder(account))
        : undefined,
    addAccount: key => {
      const of = accountFolder(key.getPublicKey())
      makeFolder(join(of, 'keys'))
      makeFolder(join(of, 'users'))
      writeKey(join(of, 'account.nk'), key)
    },
    dropAccount: account => {
      makeFolder(join(folder, 'deleted'))
      writeWhole(join(folder, 'deleted', account), '')
      rmSync(accountFolder(account), { recursive: true, force: true, maxRetries: 5 })
    },
    isDropped: account => existsSync(join(folder, 'deleted', account)),
  }
}
