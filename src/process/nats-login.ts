/**
 * The login of a connection to NATS: what the client sends at each connect, and what can be said when the server refuses it.
 *
 * A server gives one answer to every refused login, "Authorization Violation", so that it tells an attacker nothing. The
 * program can read its own credentials, so it can say that they expired, or are not valid yet.
 */

import { createHash } from 'node:crypto'
import { type Authenticator, jwtAuthenticator, nkeyAuthenticator, nkeys } from 'nats'
import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { Failure } from './failure.js'
import { type Fresh, readFresh } from './fresh-file.js'
import type { LoginSource } from './nats-access.js'
import { readTextFile } from './text-file.js'

export type Login = {
  /** Makes what the client sends at a connect; undefined: nothing. It never throws, because the client would end for good. */
  readonly authenticator: Authenticator | undefined
  /** Whether the next connect may send another login, because it comes from a file. */
  readonly may_change: boolean
  /** Changes with the login, and gives nothing of it away. */
  readonly fingerprint: () => string
  /** Why a server may have refused this login, and what to do; the second half of a sentence. */
  readonly explain: (now_ms: number) => string
  /** The sentence about a file that could not be read again. */
  readonly problem: () => string | undefined
}

const ADVICE =
  'set NATS_CREDS_FILE or NATS_CREDENTIALS, NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_NKEY, or NATS_TLS_CERT and NATS_TLS_KEY'

/** The two blocks of a .creds file: the user's JWT and the seed of the user's key. */
const BLOCKS = /-{3,}[^\n]*-{3,}\n\s*(\S+)\s*\n\s*-{3,}[^\n]*-{3,}/g

type Creds = { readonly jwt: string; readonly seed: Uint8Array }

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Reads a .creds file's text; throws when it is not whole. Both parts come from one text, so that they belong together. */
const parseCreds = (text: string): Creds => {
  const [jwt, seed] = [...text.replaceAll('\r\n', '\n').matchAll(BLOCKS)].map(([, block = '']) => block)
  if (jwt === undefined || seed === undefined) throw new Error('a block is missing')
  // throws unless it is a seed; the client itself would notice only while it connects
  nkeys.fromSeed(bytesOf(seed))
  return { jwt, seed: bytesOf(seed) }
}

const parseSeed = (text: string): Uint8Array => {
  // an nkey file may have comments around the seed
  const [seed = ''] = /\bSU[A-Z2-7]{56}\b/.exec(text) ?? []
  nkeys.fromSeed(bytesOf(seed))
  return bytesOf(seed)
}

/** Reads a file that `variable` names. Throws `Failure` with exit code 2 when it holds no `what`. */
const load =
  <A>(variable: string, path: string, what: string, parse: (text: string) => A) =>
  (): A => {
    const text = readTextFile(variable, path)
    try {
      return parse(text)
    } catch (cause) {
      throw new Failure(`${variable}: the file ${path} holds no ${what}`, { cause, exit_code: 2 })
    }
  }

const Claims = fieldsOf({}, { exp: t.number, nbf: t.number, name: t.string })

const claimsOf = (jwt: string): t.TypeOf<typeof Claims> =>
  pipe(
    readJson(Buffer.from(jwt.split('.')[1] ?? '', 'base64url')),
    E.chainW(Claims.decode),
    E.getOrElseW(() => ({})),
  )

const timeOf = (s: number): string => new Date(s * 1_000).toISOString()

/** What a user's JWT says about why it may be refused. `named` is where it comes from. */
const explainJwt = (jwt: string, named: string, now_ms: number): string => {
  const { exp, nbf, name } = claimsOf(jwt)
  const who = name === undefined ? named : `${named}, of the user ${JSON.stringify(name)},`
  if (exp !== undefined && exp !== 0 && exp * 1_000 <= now_ms)
    return `${who} expired at ${timeOf(exp)} and have to be renewed`
  if (nbf !== undefined && nbf * 1_000 > now_ms) return `${who} are not valid before ${timeOf(nbf)}`
  return `${who} are revoked, or that server does not know the account that made them; they have to be renewed`
}

const digest = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('base64')

const ofCreds = (creds: Fresh<Creds>, named: string, may_change: boolean): Login => ({
  authenticator: nonce => {
    const { jwt, seed } = creds.read()
    return jwtAuthenticator(jwt, seed)(nonce)
  },
  may_change,
  fingerprint: () => digest(creds.read().jwt),
  explain: now_ms => explainJwt(creds.read().jwt, named, now_ms),
  problem: creds.problem,
})

const ofNkey = (seed: Fresh<Uint8Array>, named: string): Login => ({
  authenticator: nonce => nkeyAuthenticator(seed.read())(nonce),
  may_change: true,
  fingerprint: () => digest(seed.read()),
  explain: () =>
    `that server does not know the key ${nkeys.fromSeed(seed.read()).getPublicKey()} of ${named}`,
  problem: seed.problem,
})

/** A login that stays as it is while the process lives. */
const fixed = (authenticator: Authenticator | undefined, why: string): Login => ({
  authenticator,
  may_change: false,
  fingerprint: () => 'fixed',
  explain: () => why,
  problem: () => undefined,
})

/** Makes the login. Throws `Failure` with exit code 2 when the credentials cannot be used at all. */
export const openLogin = (source: LoginSource): Login => {
  switch (source.tag) {
    case 'none':
      return fixed(undefined, ADVICE)
    case 'creds file': {
      const { variable, path } = source
      const creds = readFresh(load(variable, path, 'credentials', parseCreds))
      return ofCreds(creds, `those in ${path} (${variable})`, true)
    }
    case 'creds': {
      const { variable, text } = source
      try {
        const creds = parseCreds(text())
        return ofCreds({ read: () => creds, problem: () => undefined }, `those in ${variable}`, false)
      } catch (cause) {
        throw new Failure(`${variable}: they are not whole`, { cause, exit_code: 2 })
      }
    }
    case 'nkey file': {
      const { variable, path } = source
      const seed = readFresh(load(variable, path, 'seed of a user (SU...)', parseSeed))
      return ofNkey(seed, `${path} (${variable})`)
    }
    case 'user': {
      const { variable, user, password } = source
      return fixed(
        () => ({ user: user(), pass: password() }),
        `the user or the password in ${variable} is wrong`,
      )
    }
    case 'token':
      return fixed(() => ({ auth_token: source.token() }), `the token in ${source.variable} is wrong`)
  }
}
