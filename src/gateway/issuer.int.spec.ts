/** Tokens of an issuer, with a real one on this machine. Requests that pass meet a gateway without NATS, and get 503. */

import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIssuerKeys } from './issuer-keys.js'
import { createIssuerTokens } from './issuer-tokens.js'
import { startTestGateway, type TestGateway, tokensNamed } from './testing/gateway.js'
import { anyOfTokens } from './tokens.js'

const opened: TestGateway[] = []
const TOKENS = tokensNamed({ name: 'r-token', scopes: ['read'] })
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code

const READ = '/v1/customers/678/balance'
const WRITE = '/v1/customers/678/credits'

/** An issuer of tokens on this machine: its discovery document, its keys, and a signer. */
const startIssuer = async () => {
  const pairs: { readonly kid: string; readonly keys: ReturnType<typeof newKeys> }[] = []
  const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let asked = 0
  let answer: (path: string) => string | undefined = () => undefined
  const server = createServer((request, response) => {
    asked += 1
    const text = answer(request.url ?? '')
    response.writeHead(text === undefined ? 500 : 200).end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keySet = (): string =>
    JSON.stringify({
      keys: pairs.map(({ kid, keys }) => ({ ...keys.publicKey.export({ format: 'jwk' }), kid, use: 'sig' })),
    })
  const work = (): void => {
    answer = path =>
      path.startsWith('/.well-known') ? JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }) : keySet()
  }
  work()
  return {
    url,
    asked: () => asked,
    work,
    fail: () => {
      answer = () => undefined
    },
    /** Says `text` of itself; its keys are right. */
    say: (text: string) => {
      answer = path => (path.startsWith('/.well-known') ? text : keySet())
    },
    /** Signs with a key of its own from now on; the ones before stay in the set, unless they are withdrawn. */
    rotate: (kid: string, withdraw = false) => {
      if (withdraw) pairs.length = 0
      pairs.push({ kid, keys: newKeys() })
    },
    sign: (claims: object): string => {
      const pair = pairs.at(-1)
      if (pair === undefined) throw new Error('the issuer has no key yet')
      const usual = { iss: url, aud: 'jetledger', sub: 'ada', exp: Math.floor(Date.now() / 1_000) + 600 }
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const text = `${part({ alg: 'ES256', kid: pair.kid })}.${part({ ...usual, ...claims })}`
      const key = { key: pair.keys.privateKey, dsaEncoding: 'ieee-p1363' } as const
      return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('with an issuer of tokens', () => {
  type Issuer = Awaited<ReturnType<typeof startIssuer>>
  let issuer: Issuer
  let now_ms = 0
  const errors: (string | undefined)[] = []
  beforeEach(async () => {
    issuer = await startIssuer()
    issuer.rotate('first')
    now_ms = 0
    errors.length = 0
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(gateway => gateway.stop()))
    await issuer.stop()
  })

  const openFor = async (): Promise<TestGateway> => {
    const keys = createIssuerKeys({
      issuer: issuer.url,
      onFetched: error => errors.push(error?.message),
      now_ms: () => now_ms,
    })
    const own = createIssuerTokens({ issuer: issuer.url, audience: 'jetledger', keys })
    const started = await startTestGateway(undefined, { tokens: anyOfTokens([TOKENS, own]) })
    opened.push(started)
    return started
  }
  const statusOf = async (gateway: TestGateway, token: string): Promise<number[]> => {
    const answers = [
      await gateway.call(READ, { headers: bearer(token) }),
      await gateway.post(WRITE, { amount: 1 }, bearer(token)),
      await gateway.call('/v1/customers/other/balance', { headers: bearer(token) }),
    ]
    return answers.map(({ status }) => status)
  }

  it('a token of it may do what its claims say, beside those of the file', async () => {
    const gateway = await openFor()
    const both = { scope: 'openid jetledger:read jetledger:write' }
    expect(await statusOf(gateway, issuer.sign({ scope: 'jetledger:read' }))).toEqual([503, 403, 503])
    expect(await statusOf(gateway, issuer.sign({ scp: ['jetledger:write'] }))).toEqual([403, 503, 403])
    expect(await statusOf(gateway, issuer.sign(both))).toEqual([503, 503, 503])
    expect(await statusOf(gateway, issuer.sign({}))).toEqual([403, 403, 403])
    const limited = issuer.sign({ ...both, ledger_customers: ['67'] })
    expect(await statusOf(gateway, limited)).toEqual([503, 503, 403])
    expect(await statusOf(gateway, issuer.sign({ ...both, ledger_customers: '67' }))).toEqual([401, 401, 401])
    expect(await statusOf(gateway, 'r-token')).toEqual([503, 403, 503])
    // a discovery and a set of keys, for all of these
    expect(issuer.asked()).toBe(2)
  })

  it('a token that is not for us, not valid, or not of the issuer, is not told why', async () => {
    const gateway = await openFor()
    const good = issuer.sign({ scope: 'jetledger:read' })
    const seconds = Math.floor(Date.now() / 1_000)
    for (const token of [
      issuer.sign({ aud: 'shop' }),
      issuer.sign({ iss: 'https://id.example' }),
      issuer.sign({ nbf: seconds + 60 }),
      issuer.sign({ sub: 'x'.repeat(300) }),
      `${good.slice(0, -4)}AAAA`,
    ]) {
      const answer = await gateway.call(READ, { headers: bearer(token) })
      expect(answer.status).toBe(401)
      expect(await answer.text()).toContain('no token that is known here')
    }
    const expired = await gateway.call(READ, { headers: bearer(issuer.sign({ exp: seconds - 60 })) })
    expect([expired.status, await expired.text()]).toEqual([401, expect.stringContaining('has expired')])
    expect((await gateway.call(READ, { headers: bearer(good) })).status).toBe(503)
  })

  it('a new key of it counts at once, and made-up names of keys do not make us ask it all the time', async () => {
    const gateway = await openFor()
    const scope = 'jetledger:read'
    const readWith = async (token: string) => (await gateway.call(READ, { headers: bearer(token) })).status
    expect(await readWith(issuer.sign({ scope }))).toBe(503)
    now_ms += 60_000
    issuer.rotate('second')
    expect(await readWith(issuer.sign({ scope, sub: 'bob' }))).toBe(503)
    const asked = issuer.asked()
    issuer.rotate('third')
    for (let i = 0; i < 3; i += 1) expect(await readWith(issuer.sign({ scope, sub: `c${i}` }))).toBe(401)
    expect(issuer.asked()).toBe(asked)
  })

  it('known keys go on counting while it is away, for a day', async () => {
    const gateway = await openFor()
    const scope = 'jetledger:read'
    const readWith = async (sub: string) => {
      const answer = await gateway.call(READ, { headers: bearer(issuer.sign({ scope, sub })) })
      return [answer.status, await codeOf(answer)]
    }
    issuer.fail()
    // 503 too, but because of the issuer
    const away = await gateway.call(READ, { headers: bearer(issuer.sign({ scope })) })
    expect([away.status, await away.text()]).toEqual([503, expect.stringContaining('keys of the issuer')])
    expect(errors).toEqual([expect.stringContaining('answers 500')])
    issuer.work()
    now_ms += 20_000
    const passed = await gateway.call(READ, { headers: bearer(issuer.sign({ scope })) })
    expect(await passed.text()).toContain('no connection to NATS')
    expect(errors.at(-1)).toBeUndefined()
    issuer.fail()
    now_ms += 86_300_000
    expect(await readWith('bob')).toEqual([503, 'UNAVAILABLE'])
    now_ms += 200_000
    const old = await gateway.call(READ, { headers: bearer(issuer.sign({ scope, sub: 'cat' })) })
    expect(await old.text()).toContain('keys of the issuer')
  })

  it.each<[string, (url: string) => string]>([
    ['is no JSON', () => '<html>'],
    ['is of another issuer', url => JSON.stringify({ issuer: `${url}/`, jwks_uri: `${url}/keys` })],
    [
      'sends us elsewhere without TLS',
      url => {
        // the same server under an address that is not taken for this machine's
        const elsewhere = url.replace('127.0.0.1', '0.0.0.0')
        return JSON.stringify({ issuer: url, jwks_uri: `${elsewhere}/keys` })
      },
    ],
    ['has no end', url => JSON.stringify({ issuer: url, jwks_uri: `${url}/keys`, pad: 'x'.repeat(300_000) })],
  ])('an answer of it that %s is not taken', async (_, say) => {
    const gateway = await openFor()
    issuer.say(say(issuer.url))
    const answer = await gateway.call(READ, { headers: bearer(issuer.sign({ scope: 'jetledger:read' })) })
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('keys of the issuer')])
    expect(errors).toHaveLength(1)
  })
})
