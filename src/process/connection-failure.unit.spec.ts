import { errors } from 'nats'
import { describe, expect, it } from 'vitest'
import { connectionFailure, shownAddress } from './connection-failure.js'

const config = {
  NATS_URL: 'tls://u:hunter2@a:4222,nats://b:4222',
  NATS_CREDENTIALS: undefined,
  NATS_CREDS_FILE: undefined,
}
const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code })

describe('a connection that is not made', () => {
  it.each<[string, unknown]>([
    ['NATS does not answer at', new errors.ConnectionError('connection refused')],
    ['NATS does not answer at', new errors.TimeoutError()],
    ['NATS does not answer at', withCode('ENOTFOUND', 'getaddrinfo ENOTFOUND x')],
    ['NATS does not answer at', 'nothing'],
    ['is not trusted', withCode('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate')],
    ['is not trusted', withCode('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer')],
    ['is not trusted', withCode('CERT_HAS_EXPIRED', 'certificate has expired')],
    ['is not trusted', withCode('ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's")],
    ['refuses the credentials', new errors.AuthorizationError('Authorization Violation')],
    ['refuses the credentials', new errors.UserAuthenticationExpiredError('User Authentication Expired')],
    ['TLS with NATS', withCode('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number')],
    ['speaks no TLS', new errors.ConnectionError("server does not support 'tls'")],
  ])('is told by a sentence of its own: %s', (sentence, cause) => {
    expect(connectionFailure(config, cause)).toContain(sentence)
  })

  it('never shows what may be a password', () => {
    expect(connectionFailure(config, new errors.TimeoutError())).not.toContain('hunter2')
    expect(shownAddress('tls://u:hunter2@a:4222, nats://token@b')).toBe('tls://a:4222, nats://b')
  })

  it('names the credentials that were refused', () => {
    const refused = new errors.AuthorizationError('Authorization Violation')
    expect(connectionFailure({ ...config, NATS_CREDS_FILE: 'a.creds' }, refused)).toContain('a.creds')
    expect(connectionFailure(config, refused)).toContain('set NATS_CREDS_FILE')
  })
})
