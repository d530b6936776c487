/**
 * Reads the roles file, which names the endpoints that a process serves and their limits of requests in flight.
 *
 *     {"endpoints":{"balance":{"concurrency":64},"statement":{}},"roles":["queries","gateway"]}
 *
 * Both fields are optional. Without `roles` (in the file or in JETLEDGER_ROLES) a process has the roles of its
 * endpoints.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { readStrictJson, shownName } from '../json.js'
import { describeErrors, exactFieldsOf, recordOf, UNKNOWN_FIELD } from '../ledger/codec.js'
import { ENDPOINTS } from '../service/endpoints.js'
import { type Config, type EndpointLimits, ROLES, type Role } from './config.js'

/** The role that serves each endpoint of the service. */
const ENDPOINT_ROLES: ReadonlyMap<string, Role> = new Map(ENDPOINTS.map(({ name, role }) => [name, role]))

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

const Endpoints = recordOf(exactFieldsOf({}, { concurrency: Concurrency }))

const File = exactFieldsOf({}, { roles: t.array(RoleName), endpoints: Endpoints })

export type RolesFile = t.TypeOf<typeof File>

const unknownEndpoints = ({ endpoints = {} }: RolesFile): readonly string[] =>
  Object.keys(endpoints)
    .filter(name => !ENDPOINT_ROLES.has(name))
    .map(
      name =>
        `endpoints.${shownName(name)}: is no endpoint; there are ${[...ENDPOINT_ROLES.keys()].join(', ')}`,
    )

/** Decodes the content of a roles file; left is a sentence that names every mistake. */
export const decodeRolesFile = (text: string): Either<string, RolesFile> =>
  pipe(
    readStrictJson(text),
    E.mapLeft(({ tag, message }) => (tag === 'NotJson' ? `it is not JSON: ${message}` : message)),
    E.chain(json =>
      pipe(
        File.decode(json),
        E.mapLeft(errors => describeErrors(errors).replaceAll(UNKNOWN_FIELD, 'is no field of this file')),
      ),
    ),
    E.filterOrElse(
      file => unknownEndpoints(file).length === 0,
      file => unknownEndpoints(file).join('; '),
    ),
  )

const rolesOf = (endpoints: EndpointLimits): readonly Role[] =>
  ROLES.filter(role => [...endpoints.keys()].some(name => ENDPOINT_ROLES.get(name) === role))

/**
 * The configuration with the roles and endpoints of the file. `is_explicit`: JETLEDGER_ROLES is set, and overrides
 * the roles of the file. Left is a sentence when there is no role, or when an endpoint belongs to a role that the
 * process has not.
 */
export const withRolesFile = (
  config: Config,
  file: RolesFile,
  is_explicit: boolean,
): Either<string, Config> => {
  const endpoints =
    file.endpoints === undefined
      ? undefined
      : new Map(Object.entries(file.endpoints).map(([name, { concurrency }]) => [name, concurrency]))
  const file_roles = file.roles ?? (endpoints === undefined ? ROLES : rolesOf(endpoints))
  const roles = is_explicit ? config.JETLEDGER_ROLES : file_roles
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
