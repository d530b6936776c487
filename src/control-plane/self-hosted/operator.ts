/** Makes an operator: its keys, its system account, and the part of a nats-server's configuration that trusts it. */

import { nkeys } from 'nats'
import { credsText, now_s, signJwt } from './jwt.js'
import { type OperatorFiles, writeOperator } from './keys.js'

const NO_LIMIT = -1

/** The system account's limits: it is not a ledger's, and has no JetStream. */
const SYSTEM_LIMITS = {
  conn: NO_LIMIT,
  subs: NO_LIMIT,
  data: NO_LIMIT,
  payload: NO_LIMIT,
  imports: NO_LIMIT,
  exports: NO_LIMIT,
  leaf: NO_LIMIT,
  wildcards: true,
}

/** What a user without a scope needs, so that its limits are none. */
export const USER_LIMITS = { subs: NO_LIMIT, data: NO_LIMIT, payload: NO_LIMIT }

/** How often a server compares its accounts with the others', and for how long an account is looked for. */
const COMPARE_EVERY = '2m'
const LOOK_UP_WITHIN = '1.9s'
const ACCOUNTS_MAX = 1_000

const confOf = (operator_jwt: string, system: string, system_jwt: string, accounts_dir: string): string =>
  `# The operator whose accounts this server takes: include this file in the configuration of every server.
operator: ${operator_jwt}
system_account: ${system}
resolver: {
  type: full
  dir: ${JSON.stringify(accounts_dir)}
  allow_delete: true
  interval: "${COMPARE_EVERY}"
  timeout: "${LOOK_UP_WITHIN}"
  limit: ${ACCOUNTS_MAX}
}
resolver_preload: {
  ${system}: ${system_jwt}
}
`

const makeFiles = (name: string, accounts_dir: string): OperatorFiles => {
  const [operator, signing] = [nkeys.createOperator(), nkeys.createOperator()]
  const [system, user] = [nkeys.createAccount(), nkeys.createUser()]
  const iat_s = now_s()
  const operator_jwt = signJwt(operator, {
    sub: operator.getPublicKey(),
    name,
    type: 'operator',
    nats: { signing_keys: [signing.getPublicKey()], system_account: system.getPublicKey() },
    iat_s,
  })
  const system_jwt = signJwt(signing, {
    sub: system.getPublicKey(),
    name: 'SYS',
    type: 'account',
    nats: { limits: SYSTEM_LIMITS },
    iat_s,
  })
  const user_jwt = signJwt(system, {
    sub: user.getPublicKey(),
    name: 'control-plane',
    type: 'user',
    nats: { pub: {}, sub: {}, ...USER_LIMITS },
    iat_s,
  })
  return {
    operator,
    signing,
    system,
    operator_jwt,
    conf: confOf(operator_jwt, system.getPublicKey(), system_jwt, accounts_dir),
    system_creds: credsText(user_jwt, user),
  }
}

/**
 * Makes the folder with all keys of a new operator. `accounts_dir` is the folder in which servers keep the accounts'
 * JWTs. Throws `Failed` when the folder is there already.
 */
export const initOperator = (folder: string, name: string, accounts_dir: string): void =>
  writeOperator(folder, makeFiles(name, accounts_dir))
