import { describe, expect, it } from 'vitest'
import { E, pipe, TE } from '../fp.js'
import type { EndpointConfig } from '../service/config.js'
import { type Config, decodeConfig } from './config.js'
import { limitedTo } from './endpoint-limits.js'
import { decodeRolesFile, withRolesFile } from './roles-file.js'

const configured = (text: string, roles?: string): E.Either<string, Config> =>
  pipe(
    E.Do,
    E.bind('config', () => decodeConfig(roles === undefined ? {} : { JETLEDGER_ROLES: roles })),
    E.bind('file', () => decodeRolesFile(text)),
    E.chain(({ config, file }) => withRolesFile(config, file, roles !== undefined)),
  )

const rolesOf = (text: string, roles?: string): unknown =>
  pipe(
    configured(text, roles),
    E.matchW(
      problem => problem,
      config => config.JETLEDGER_ROLES,
    ),
  )

describe('the roles file', () => {
  it.each<[string, string | undefined, readonly string[]]>([
    ['{}', undefined, ['commands', 'projections', 'queries', 'gateway', 'operations']],
    ['{"endpoints":{"balance":{}}}', undefined, ['queries']],
    ['{"endpoints":{"balance":{},"credit":{"concurrency":1}}}', undefined, ['commands', 'queries']],
    ['{"endpoints":{"balance":{}},"roles":["queries","gateway"]}', undefined, ['queries', 'gateway']],
    ['{"endpoints":{"balance":{}}}', 'queries,projections', ['queries', 'projections']],
  ])('%s with JETLEDGER_ROLES %s gives the roles %j', (text, roles, expected) => {
    expect(rolesOf(text, roles)).toEqual(expected)
  })

  it.each<[string, string]>([
    ['no json', 'not JSON'],
    ['[]', 'must be'],
    ['{"endpoints":{"balances":{}}}', 'endpoints.balances: is no endpoint'],
    ['{"endpoint":{}}', 'endpoint: is no field'],
    ['{"endpoints":{"balance":{"concurency":4}}}', 'endpoints.balance.concurency: is no field'],
    ['{"endpoints":{"balance":{"__proto__":{"concurrency":4}}}}', 'endpoints.balance.__proto__: is no field'],
    ['{"endpoints":{"__proto__":{}}}', 'endpoints.__proto__: is no endpoint'],
    ['{"__proto__":{"roles":["queries"]}}', '__proto__: is no field'],
    ['{"roles":["queries"],"roles":["gateway"]}', 'roles: is there twice'],
    ['{"endpoints":{"balance":{},"balance":{"concurrency":1}}}', 'endpoints.balance: is there twice'],
    ['{"endpoints":{"balance":{"concurrency":0.99999999999999999999}}}', 'endpoints.balance.concurrency'],
    ['{"endpoints":{"balance":{"concurrency":0}}}', 'endpoints.balance.concurrency: must be a whole number'],
    ['{"endpoints":{}}', 'names no role and no endpoint'],
    ['{"roles":["cook"]}', 'must be one of commands'],
  ])('%s is refused: %s', (text, problem) => {
    expect(rolesOf(text)).toContain(problem)
  })

  it('does not name endpoints of a role that the process does not have', () => {
    expect(rolesOf('{"endpoints":{"balance":{},"credit":{}}}', 'queries')).toContain(
      'endpoints.credit: belongs to the role commands',
    )
  })
})

describe('the endpoints of a process', () => {
  const endpoint = (name: string): EndpointConfig => ({
    name,
    subject: `customer.${name}`,
    description: name,
    max_in_flight: 100,
    timeout_ms: 1_000,
    handle: () => TE.right({ body: '' }),
  })
  const all = [endpoint('balance'), endpoint('credit')]

  it('are all of them where nothing is configured', () => {
    expect(limitedTo(all, undefined)).toEqual(all)
  })

  it('are those that are named, with their limits', () => {
    const limited = limitedTo(all, new Map([['balance', 64]]))
    expect(limited.map(({ name, max_in_flight }) => ({ name, max_in_flight }))).toEqual([
      { name: 'balance', max_in_flight: 64 },
    ])
    expect(limitedTo(all, new Map([['credit', undefined]]))[0]?.max_in_flight).toBe(100)
  })

  it('cannot be those that nobody here serves', () => {
    expect(() => limitedTo(all, new Map([['statement', 1]]))).toThrow('cannot serve the endpoint statement')
  })
})
