import { describe, expect, it } from 'vitest'
import { ROUTES } from '../gateway/routes.js'
import { ENDPOINTS } from '../service/endpoints.js'
import { claimsOfDev } from './dev.js'
import { claimsOf, nscScript, SCOPED, SINGLE } from './render.js'
import { permissionsOf, USERS } from './users.js'

/** nats-server's `max_control_line`: the JWT goes over it in base64, with a signature and the client's own fields. */
const CONTROL_LINE_BYTES = 4_096
const BESIDE_CLAIMS_BYTES = 1_000

const DEPLOYMENT = { reply_prefixes: ['_acme'], has_imports: true, domain: 'hub' }

describe.each(USERS)('%s', user => {
  const { pub, sub } = claimsOf(permissionsOf(user, DEPLOYMENT))

  it('may use no part of the subjects at large', () => {
    for (const subject of [...pub.allow, ...sub.allow])
      expect(subject).not.toMatch(
        /^[*>]|^\$JS\.(API\.)?([A-Z]+\.)?[*>]|^\$(KV|SYS|SRV)\.[*>]|^customer\.[*>]/,
      )
  })

  it('has a JWT that a server takes with its default settings', () => {
    const bytes = JSON.stringify({ pub, sub }).length
    expect((bytes * 4) / 3 + BESIDE_CLAIMS_BYTES).toBeLessThan(CONTROL_LINE_BYTES)
  })
})

it('the gateway may send what its routes send, and a client as much but for the operations', () => {
  const subjectsOf = (routes: typeof ROUTES) => [...new Set(routes.map(({ subject }) => subject))].toSorted()
  const routed = subjectsOf(ROUTES)
  expect(permissionsOf('client').publish.toSorted()).toEqual(
    subjectsOf(ROUTES.filter(({ scope }) => scope !== 'operate')),
  )
  expect(permissionsOf('gateway').publish.toSorted()).toEqual(['$SRV.PING.customer', ...routed])
  for (const { subject, effect } of ROUTES)
    expect(ENDPOINTS.find(endpoint => endpoint.subject === subject)?.effect, subject).toBe(effect)
})

it('a service answers further inboxes, and other accounts, only where it is deployed so', () => {
  const more = ['_acme.>', '_R_.>']
  const added = (user: 'queries' | 'commands') =>
    permissionsOf(user, DEPLOYMENT).publish.filter(each => !permissionsOf(user).publish.includes(each))
  expect([added('queries'), added('commands')]).toEqual([more, more])
  expect(permissionsOf('projections', DEPLOYMENT).publish).toContain('$JS.ACK.hub.*.customer-balances.>')
})

it('the script for nsc makes every user or its signing key once, and the shell changes no subject', () => {
  const commands = nscScript('LEDGER').replaceAll(' \\\n  ', ' ').trimEnd().split('\n')
  expect(commands.map(command => command.replace(/ --allow.*/, ''))).toEqual([
    ...SINGLE.map(user => `nsc add user -a 'LEDGER' ${user}`),
    ...SCOPED.map(user => `nsc edit signing-key -a 'LEDGER' --sk generate --role ${user}`),
  ])
  expect([...SINGLE, ...SCOPED].toSorted()).toEqual(USERS.toSorted())
  for (const command of commands) expect(command.replaceAll(/'[^']*'/g, '')).not.toContain('$')
})

describe('the users of jetledger dev --secure', () => {
  const claims = claimsOfDev()

  it('are one of each kind, with its rights, and the one of the process', () => {
    expect([...claims.keys()]).toEqual(['dev', ...USERS])
    for (const user of USERS) expect(claims.get(user)).toEqual(claimsOf(permissionsOf(user)))
  })

  it('the process may do what its roles, seed and the operator may, and hears no other inbox', () => {
    const { pub, sub } = claims.get('dev') ?? { pub: { allow: [] }, sub: { allow: [] } }
    for (const user of ['commands', 'projections', 'queries', 'gateway', 'seed', 'operator'] as const) {
      expect(pub.allow).toEqual(expect.arrayContaining(claimsOf(permissionsOf(user)).pub.allow))
      const heard = claimsOf(permissionsOf(user)).sub.allow.filter(subject => !subject.startsWith('_INBOX.'))
      expect(sub.allow).toEqual(expect.arrayContaining(heard))
    }
    expect(sub.allow.filter(subject => subject.startsWith('_INBOX'))).toEqual(['_INBOX.dev.>'])
    expect(pub.allow).not.toContain('>')
  })
})
