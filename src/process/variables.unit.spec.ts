import { describe, expect, it } from 'vitest'
import { misspeltVariables } from './variables.js'

const OWN = ['NATS_URL', 'HTTP_PORT', 'JETLEDGER_ROLES', 'JETLEDGER_ROLES_FILE', 'JETLEDGER_REPLICAS']

const found = (name: string, value = 'x'): string =>
  misspeltVariables({ PATH: '/bin', JETLEDGER_ROLES: 'queries', [name]: value }, OWN).join()

describe('an environment variable', () => {
  it.each([
    ['JETLEDGER_ROLE', 'JETLEDGER_ROLES'],
    ['JETLEDGER_REPLICA', 'JETLEDGER_REPLICAS'],
    ['JETLEDGER_REPLIACS', 'JETLEDGER_REPLICAS'],
    ['JETLEDGER_ROLESFILE', 'JETLEDGER_ROLES_FILE'],
    ['JETLEDGER_ROLES_FILES', 'JETLEDGER_ROLES_FILE'],
    ['JETLEDGER-ROLES', 'JETLEDGER_ROLES'],
    ['JETLEGER_ROLES', 'JETLEDGER_ROLES'],
    ['jetledger_roles', 'JETLEDGER_ROLES'],
    ['Jetledger_Roles', 'JETLEDGER_ROLES'],
    [' JETLEDGER_ROLES', 'JETLEDGER_ROLES'],
  ])('%s is told that %s was meant', (name, meant) => {
    expect(found(name)).toBe(`${name}: is no variable of jetledger (did you mean ${meant}?)`)
  })

  it('JETLEDGER_SOMETHING_ELSE_ENTIRELY is refused without a suggestion', () => {
    expect(found('JETLEDGER_SOMETHING_ELSE_ENTIRELY')).toBe(
      'JETLEDGER_SOMETHING_ELSE_ENTIRELY: is no variable of jetledger',
    )
  })

  it('JETLEDGER_PORT is refused when a person set it', () => {
    expect(found('JETLEDGER_PORT', '8080')).toContain('JETLEDGER_PORT: is no variable of jetledger')
  })

  it.each([
    ['HTTP_PROXY', 'http://a'],
    ['HTTP_PORTS', '8080'],
    ['NATS_URLS', 'x'],
    ['LEDGER_ROLES', 'x'],
    ['JETLEDGER_SERVICE_HOST', '10.0.0.1'],
    ['JETLEDGER_SERVICE_PORT', '8080'],
    ['JETLEDGER_SERVICE_PORT_HTTP', '8080'],
    ['JETLEDGER_PORT', 'tcp://10.0.0.1:8080'],
    ['JETLEDGER_GATEWAY_PORT_8080_TCP_ADDR', '10.0.0.1'],
    ['A'.repeat(10_000), 'x'],
    ['JETLEDGER_ROLE', ''],
  ])('%s is left to others', (name, value) => {
    expect(found(name, value)).toBe('')
  })
})
