/**
 * Who may call the gateway, as the configuration says: the tokens of a file, which is read again when it changes, and those
 * of an issuer.
 */

import type { Logger } from 'pino'
import { E } from '../fp.js'
import { createIssuerKeys } from '../gateway/issuer-keys.js'
import { createIssuerTokens } from '../gateway/issuer-tokens.js'
import { anyOfTokens, readTokens, type Tokens } from '../gateway/tokens.js'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import { Failure } from './failure.js'
import { readTextFile } from './text-file.js'
import { watchText } from './watched-text.js'

/** The parts of health. */
const FILE = 'tokens file'
const ISSUER = 'issuer of tokens'

const LOOK_MS = 2_000

export type HttpTokens = {
  /** Undefined when the configuration names no tokens: then every caller may do everything. */
  readonly tokens: Tokens | undefined
  readonly stop: () => void
}

type Deps = { readonly health: Health; readonly log: Logger; readonly look_ms?: number }

/** Throws `Failure`, whose text has no secret of it. */
const tokensIn = (text: string): Tokens => {
  const found = readTokens(text)
  if (E.isLeft(found)) throw new Failure(`HTTP_TOKENS_FILE: ${found.left}`, { exit_code: 2 })
  return found.right
}

/** The tokens of the file as it is now. A file that cannot be used later on changes nothing, and degrades health. */
const tokensOfFile = (path: string, { health, log, look_ms = LOOK_MS }: Deps) => {
  const read = (): string => readTextFile('HTTP_TOKENS_FILE', path)
  const text = read()
  let current = tokensIn(text)
  // the first report is no change, and is not logged
  health.report(FILE, 'ok')
  const { stop } = watchText(text, read, look_ms, readText => {
    try {
      current = tokensIn(readText())
      health.report(FILE, 'ok')
      log.info('HTTP_TOKENS_FILE was read again')
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err)
      health.report(FILE, 'degraded', `${why}; the tokens that were read before go on counting`)
    }
  })
  const tokens: Tokens = {
    callerOf: authorization => current.callerOf(authorization),
    check: authorization => current.check(authorization),
  }
  return { tokens, stop }
}

const tokensOfIssuer = (issuer: string, audience: string, { health }: Deps): Tokens => {
  health.report(ISSUER, 'ok')
  const onFetched = (error: Error | undefined): void =>
    health.report(ISSUER, error === undefined ? 'ok' : 'degraded', error?.message)
  return createIssuerTokens({ issuer, audience, keys: createIssuerKeys({ issuer, onFetched }) })
}

/** Throws `Failure` when the file cannot be used at the start. */
export const startHttpTokens = (
  { HTTP_TOKENS_FILE, HTTP_JWT_ISSUER, HTTP_JWT_AUDIENCE }: Config,
  deps: Deps,
): HttpTokens => {
  const file = HTTP_TOKENS_FILE === undefined ? undefined : tokensOfFile(HTTP_TOKENS_FILE, deps)
  const issuer =
    HTTP_JWT_ISSUER === undefined || HTTP_JWT_AUDIENCE === undefined
      ? undefined
      : tokensOfIssuer(HTTP_JWT_ISSUER, HTTP_JWT_AUDIENCE, deps)
  const sources = [file?.tokens, issuer].filter(source => source !== undefined)
  return {
    tokens: sources.length === 0 ? undefined : anyOfTokens(sources),
    stop: () => file?.stop(),
  }
}
