import { errors } from 'nats'
import { describe, expect, it } from 'vitest'
import { type Attempt, connectionFailure, isRefusal } from './connection-failure.js'

const NOW_MS = 0
const NO_FILES = { ca: undefined, pair: undefined, is_first: false }
const attempt: Attempt = {
  access: { urls: ['tls://a:4222', 'tls://b:4222'], is_tls: true, tls: NO_FILES },
  login: { explain: () => 'because of this', problem: () => undefined },
  tlsProblems: () => [],
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
    ['refuses the credentials', new errors.ProtocolError('User Authentication Revoked')],
    ['wants another certificate', withCode('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'required')],
    ['wants another certificate', withCode('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown ca')],
    ['wants another certificate', withCode('ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'bad certificate')],
    ['may want another certificate', withCode('ECONNRESET', 'read ECONNRESET')],
    ['TLS with NATS', withCode('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number')],
    ['speaks no TLS', new errors.ConnectionError("server does not support 'tls'")],
  ])('is told by a sentence of its own: %s', (sentence, cause) => {
    expect(connectionFailure(attempt, cause, NOW_MS)).toContain(sentence)
  })

  it('is told with what is known about the login, and about files that could not be read again', () => {
    const refused = new errors.AuthorizationError('Authorization Violation')
    const told = connectionFailure({ ...attempt, tlsProblems: () => ['NATS_TLS_CA: away'] }, refused, NOW_MS)
    expect(told).toBe(
      'NATS at tls://a:4222, tls://b:4222 refuses the credentials (Authorization Violation): because of this; NATS_TLS_CA: away, so its content from before is used',
    )
  })

  it('has the short reason of OpenSSL, and the whole message of Node', () => {
    const told = (code: string): string =>
      connectionFailure(
        attempt,
        Object.assign(withCode(code, 'the whole message'), { reason: 'short' }),
        NOW_MS,
      )
    expect(told('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')).toContain('(short)')
    expect(told('ERR_TLS_CERT_ALTNAME_INVALID')).toContain('(the whole message)')
  })

  it('is a refusal only where the server says so', () => {
    expect(isRefusal(new errors.ProtocolError('Maximum Connections Exceeded'))).toBe(false)
  })

  it('advises another file than the one that did not help', () => {
    const tls = { ...NO_FILES, ca: 'own.pem', pair: { cert: 'own.crt', key: 'own.key' } }
    const told = (code: string): string =>
      connectionFailure(
        { ...attempt, access: { urls: ['tls://a'], is_tls: true, tls } },
        withCode(code, 'no'),
        NOW_MS,
      )
    expect(told('DEPTH_ZERO_SELF_SIGNED_CERT')).toContain('not signed by the CA in own.pem')
    expect(told('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')).toContain('that in own.crt')
  })
})
