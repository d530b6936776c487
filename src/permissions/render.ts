/**
 * Writes the permissions of a ledger's users in the forms that operators and programs need: commands for `nsc`, an
 * `authorization` block for nats-server, and the claims of a user's JWT.
 */

import {
  type Deployment,
  type Listened,
  type Naming,
  type Permissions,
  permissionsOf,
  USERS,
  type User,
} from './users.js'

/**
 * The kinds of which a ledger has several users, with names of their own. Each is a role of a scoped signing key, whose
 * permissions hold for every user that is signed with it.
 */
const CALLERS: ReadonlySet<User> = new Set<User>(['reader', 'client', 'publisher', 'consumer'])

/** The templates that nats-server fills in for a user of a scoped signing key: its name, and each of its customers. */
const TEMPLATE = { name: '{{name()}}', customers: ['{{tag(customer)}}'] }

/** The permissions of a kind of callers, as the template of a scoped signing key. */
export const templateOf = (user: User, deployment: Deployment = {}): Permissions =>
  permissionsOf(user, deployment, TEMPLATE)

/** The kinds whose users are signed with a scoped key. */
export const SCOPED: readonly User[] = USERS.filter(user => CALLERS.has(user))

/** The kinds that have exactly one user, named like the kind. */
export const SINGLE: readonly User[] = USERS.filter(user => !CALLERS.has(user))

const listenedText = ({ subject, queue }: Listened): string =>
  queue === undefined ? subject : `${subject} ${queue}`

/** The permissions as the `nats` claims of a user's JWT, or of the template of a scoped signing key, have them. */
export const claimsOf = ({ publish, subscribe }: Permissions) => ({
  pub: { allow: [...publish] },
  sub: { allow: subscribe.map(listenedText) },
})

const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const nscOptions = (permissions: Permissions): readonly string[] => {
  const { pub, sub } = claimsOf(permissions)
  return [
    ...pub.allow.map(subject => `--allow-pub ${shell(subject)}`),
    ...sub.allow.map(subject => `--allow-sub ${shell(subject)}`),
  ]
}

const command = (...parts: readonly string[]): string => parts.join(' \\\n  ')

/** A shell script that makes the users, and the scoped signing keys, in an account by `nsc`. */
export const nscScript = (account: string, deployment: Deployment = {}): string =>
  [
    ...SINGLE.map(user =>
      command(`nsc add user -a ${shell(account)} ${user}`, ...nscOptions(permissionsOf(user, deployment))),
    ),
    ...SCOPED.map(user =>
      command(
        `nsc edit signing-key -a ${shell(account)} --sk generate --role ${user}`,
        ...nscOptions(templateOf(user, deployment)),
      ),
    ),
  ]
    .map(line => `${line}\n`)
    .join('')

/** The name of the environment variable from which nats-server takes a user's password. */
export const passwordVariable = (user: User): string => `JETLEDGER_${user.toUpperCase()}_PASSWORD`

const listText = (subjects: readonly string[]): string =>
  subjects.map(subject => `          ${JSON.stringify(subject)}`).join('\n')

/**
 * The `authorization` block of a nats-server's configuration, with one user of each kind; `namings` gives users another name,
 * and publishers their customers. The passwords are no part of it: nats-server takes them from its environment.
 */
export const authorizationBlock = (
  deployment: Deployment = {},
  namings: Readonly<Partial<Record<User, Naming>>> = {},
): string => {
  const users = USERS.map(user => {
    const naming = namings[user] ?? {}
    const { pub, sub } = claimsOf(permissionsOf(user, deployment, naming))
    return `    {
      user: ${naming.name ?? user}
      password: $${passwordVariable(user)}
      permissions: {
        publish: { allow: [
${listText(pub.allow)}
        ] }
        subscribe: { allow: [
${listText(sub.allow)}
        ] }
      }
    }`
  })
  return `authorization {
  users: [
${users.join('\n')}
  ]
}
`
}
