/**
 * What `jetledger dev --secure` adds to the embedded servers: a login for each kind of user, TLS, and secrets without which
 * the table server and the monitoring port answer nothing. It lies in the data folder, which is closed to other users of the
 * machine.
 */

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificates, openCertificates } from './certificates.js'
import { closedFolder } from './secret-files.js'

/** A user that may ask for `$JS.API.INFO`, and the prefix of its inboxes. */
export type OwnUser = { readonly user: string; readonly inbox_prefix: string }

/**
 * Makes the logins that are missing in a folder, among them `ACCOUNTS_FILE`, and returns the lines of nats-server's
 * configuration for them.
 */
export type OpenLogins = (folder: string, credsFileOf: (user: string) => string) => string

export type Secured = Certificates & {
  /** The folder of all secrets. */
  readonly folder: string
  readonly credsFileOf: (user: string) => string
  /** Lines of nats-server's configuration: the operator, and the accounts with the rights of their users. */
  readonly auth_conf: string
  /** The user that asks whether nats-server is ready. */
  readonly own: OwnUser
  /** The access key without which the table server answers nothing. It is another one at each start. */
  readonly dynamodb_key: string
  /** The path before all paths of nats-server's monitoring port. It is another one at each start. */
  readonly monitor_path: string
}

const FOLDER = 'secure'
/** The file with the public keys of the accounts. A folder with it holds a ledger that was made with logins. */
export const ACCOUNTS_FILE = 'accounts.json'
/** Folders of data, which a ledger without logins has, too (layout.ts). */
const OF_DATA = ['single', 'cluster']
const SECRET_BYTES = 24

const newSecret = (): string => randomBytes(SECRET_BYTES).toString('hex')

/** Throws a sentence for the user where the folder holds a ledger of the other kind. */
export const requireKind = (data_dir: string, is_secure: boolean): void => {
  const is_secured = existsSync(join(data_dir, FOLDER, ACCOUNTS_FILE))
  const has_data = OF_DATA.some(name => existsSync(join(data_dir, name)))
  if (is_secure && has_data && !is_secured)
    throw new Error(
      `The ledger in ${data_dir} was made without --secure, and its stream belongs to no account: choose another folder with --data-dir, or leave out --secure.`,
    )
  if (!is_secure && is_secured)
    throw new Error(
      `The ledger in ${data_dir} was made with --secure: add --secure, or choose another folder with --data-dir.`,
    )
}

/**
 * Closes the data folder to other users, and makes what is missing in it. `own` is one of the users of `openLogins`. Throws
 * a sentence for the user.
 */
export const openSecured = (data_dir: string, openLogins: OpenLogins, own: OwnUser): Secured => {
  closedFolder(data_dir)
  const folder = closedFolder(join(data_dir, FOLDER))
  const users = closedFolder(join(folder, 'users'))
  const credsFileOf = (user: string): string => join(users, `${user}.creds`)
  // the certificate is first, because it needs a program that may be missing, and the accounts mark the folder
  const certificates = openCertificates(folder, Date.now())
  return {
    ...certificates,
    folder,
    credsFileOf,
    auth_conf: openLogins(folder, credsFileOf),
    own,
    dynamodb_key: newSecret(),
    monitor_path: `/${newSecret()}`,
  }
}
