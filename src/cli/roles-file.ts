/**
 * The roles file: which endpoints a process serves, and how many requests of each may be at work.
 *
 *     {"endpoints":{"balance":{"concurrency":64},"statement":{}},"roles":["queries","gateway"]}
 *
 * Both fields are optional. Without `roles` (here or in JETLEDGER_ROLES) a process has the roles of its endpoints.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { describeErrors } from '../ledger/codec.js'
import { type Config, type EndpointLimits, ROLES, type Role } from './config.js'

/** Which role serves which endpoint of the service. */
export const ENDPOINT_ROLES: ReadonlyMap<string, Role> = new Map<string, Role>([
  ...['balance', 'statement', 'list', 'ranking', 'summary'].map(name => [name, 'queries'] as const),
  ...['credit', 'debit', 'transfer', 'batch', 'transaction'].map(name => [name, 'commands'] as const),
])

const CONCURRENCY_MAX = 100_000

const Concurrency = new t.Type<number, number, unknown>(
  'Concurrency',
  t.number.is,
  (u, context) =>
    typeof u === 'number' && Number.isInteger(u) && u >= 1 && u <= CONCURRENCY_MAX
      ? t.success(u)
      : t.failure(u, context, `must be a whole number from 1 to ${CONCURRENCY_MAX}`),
  t.identity,
)

const RoleName = new t.Type<Role, string, unknown>(
  'Role',
  (u): u is Role => ROLES.includes(u as Role),
  (u, context) =>
    ROLES.includes(u as Role)
      ? t.success(u as Role)
      : t.failure(u, context, `must be one of ${ROLES.join(', ')}`),
  String,
)

const File = t.exact(
  t.partial({
    roles: t.array(RoleName),
    endpoints: t.record(t.string, t.exact(t.partial({ concurrency: Concurrency }))),
  }),
)

export type RolesFile = t.TypeOf<typeof File>

const KNOWN_FIELDS: readonly string[] = ['roles', 'endpoints']

const unknownNames = (file: object, endpoints: object): readonly string[] => [
  ...Object.keys(file)
    .filter(name => !KNOWN_FIELDS.includes(name))
    .map(name => `${name}: is no field of this file`),
  ...Object.keys(endpoints)
    .filter(name => !ENDPOINT_ROLES.has(name))
    .map(name => `endpoints.${name}: is no endpoint; there are ${[...ENDPOINT_ROLES.keys()].join(', ')}`),
]

/** The content of a roles file; left names everything that is wrong. */
export const decodeRolesFile = (text: string): Either<string, RolesFile> =>
  pipe(
    E.tryCatch(
      () => JSON.parse(text) as unknown,
      () => 'it is not JSON',
    ),
    E.chain(json =>
      pipe(
        File.decode(json),
        E.bimap(describeErrors, file => ({
          file,
          unknown: unknownNames(json as object, file.endpoints ?? {}),
        })),
      ),
    ),
    E.filterOrElse(
      ({ unknown }) => unknown.length === 0,
      ({ unknown }) => unknown.join('; '),
    ),
    E.map(({ file }) => file),
  )

const rolesOf = (endpoints: EndpointLimits): readonly Role[] =>
  ROLES.filter(role => [...endpoints.keys()].some(name => ENDPOINT_ROLES.get(name) === role))

/** The configuration with what the file says; `explicit`: JETLEDGER_ROLES was set, and then it counts. */
export const withRolesFile = (config: Config, file: RolesFile, explicit: boolean): Either<string, Config> => {
  const endpoints =
    file.endpoints === undefined
      ? undefined
      : new Map(Object.entries(file.endpoints).map(([name, { concurrency }]) => [name, concurrency]))
  const named = file.roles ?? (endpoints === undefined ? ROLES : rolesOf(endpoints))
  const roles = explicit ? config.JETLEDGER_ROLES : named
  if (roles.length === 0) return E.left('it names no role and no endpoint')
  const outside = [...(endpoints?.keys() ?? [])].filter(
    name => !roles.includes(ENDPOINT_ROLES.get(name) as Role),
  )
  if (outside.length > 0) {
    const [first = ''] = outside
    return E.left(
      `endpoints.${first}: belongs to the role ${ENDPOINT_ROLES.get(first)}, which this process does not have`,
    )
  }
  return E.right({ ...config, JETLEDGER_ROLES: roles, ...(endpoints === undefined ? {} : { endpoints }) })
}
