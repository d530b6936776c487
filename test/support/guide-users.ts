/**
 * Reads the users of docs/deploy-aws.md with their permissions from the guide itself: a shell runs the guide's step, with the
 * built program and with a `nsc` that only notes its arguments. So the guide, the program and the tests cannot drift apart.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { UserPermissions } from './nats-jwt.js'
import { newFolder, removeFolder } from './servers.js'

export type GuideUser = {
  /** What the user may do, with the templates of its signing key filled in. Without lists: everything. */
  readonly permissions: UserPermissions
  /** The role of the scoped signing key that the user is signed with, and its tags. */
  readonly scoped?: { readonly role: string; readonly tags: readonly string[] }
}

export type Guide = {
  readonly users: ReadonlyMap<string, GuideUser>
  /** The templates of the scoped signing keys, by their roles. */
  readonly scopes: Readonly<Record<string, UserPermissions>>
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const STEP = /^4\. \*\*Identities\*\*/
const NEXT_STEP = /^5\. /
const CODE = /^ {7}/
const FIELD = '\x1f'

/** The commands of the step, as an operator copies them. */
const script = (): string => {
  const lines = readFileSync(join(ROOT, 'docs/deploy-aws.md'), 'utf8').split('\n')
  const from = lines.findIndex(line => STEP.test(line))
  const to = lines.findIndex((line, i) => i > from && NEXT_STEP.test(line))
  return lines
    .slice(from, to)
    .filter(line => CODE.test(line))
    .join('\n')
}

/** Programs of the guide, by name: `nsc` notes its arguments, `npx jetledger` is the build, `aws` does nothing. */
const PROGRAMS = {
  nsc: `printf '%s${FIELD}' "$@" >> "$NOTES"; echo >> "$NOTES"`,
  npx: `shift; exec node '${join(ROOT, 'bin/jetledger.js')}' "$@"`,
  aws: ':',
}

/** Runs the step in a folder of its own, and returns the arguments of each call of `nsc`. */
const callsOfNsc = (): readonly (readonly string[])[] => {
  const folder = newFolder()
  try {
    const notes = join(folder, 'notes')
    writeFileSync(notes, '')
    for (const [name, body] of Object.entries(PROGRAMS))
      writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    execFileSync('bash', ['--norc', '-euc', script()], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env.PATH}`, NOTES: notes, STAGE: 'dev' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return readFileSync(notes, 'utf8')
      .split('\n')
      .map(line => line.split(FIELD).slice(0, -1))
  } finally {
    removeFolder(folder)
  }
}

const OPTIONS = ['-a', '-K', '--allow-pub', '--allow-sub', '--tag', '--sk', '--role']

type Call = { readonly what: string; readonly name?: string; readonly of: (option: string) => string[] }

/** The commands that give rights to users. */
const OF_USERS = ['add user', 'edit signing-key']

/** Reads `nsc <verb> <noun> <name> <options>`. */
const callOf = ([verb, noun, ...rest]: readonly string[]): Call => {
  const unknown = rest.find(word => word.startsWith('--') && !OPTIONS.includes(word))
  if (OF_USERS.includes(`${verb} ${noun}`) && unknown !== undefined)
    throw new Error(`The guide uses ${unknown} of nsc, which this test cannot read`)
  const name = rest.find((word, i) => !word.startsWith('-') && !OPTIONS.includes(rest[i - 1] ?? ''))
  return {
    what: `${verb} ${noun}`,
    ...(name === undefined ? {} : { name }),
    of: option => rest.filter((_, i) => rest[i - 1] === option),
  }
}

const permissionsOf = ({ of }: Call): UserPermissions => {
  const [pub, sub] = [of('--allow-pub'), of('--allow-sub')]
  return { ...(pub.length > 0 && { pub: { allow: pub } }), ...(sub.length > 0 && { sub: { allow: sub } }) }
}

/** The permissions with the templates filled in as nats-server does; a user of these tests has each tag once. */
const filledIn = ({ pub, sub }: UserPermissions, name: string, tags: readonly string[]): UserPermissions => {
  const fill = (subject: string): string =>
    tags
      .map(tag => tag.split(':'))
      .reduce((text, [key, value]) => text.replace(`{{tag(${key})}}`, value ?? ''), subject)
      .replace('{{name()}}', name)
  return { pub: { allow: pub?.allow?.map(fill) ?? [] }, sub: { allow: sub?.allow?.map(fill) ?? [] } }
}

/** All users of the ledger's account by name, and its scoped signing keys. */
export const readGuide = (): Guide => {
  const calls = callsOfNsc().map(callOf)
  const scopes = Object.fromEntries(
    calls
      .filter(({ what }) => what === 'edit signing-key')
      .map(call => [call.of('--role')[0] ?? '', permissionsOf(call)]),
  )
  const users = calls
    .filter(({ what }) => what === 'add user')
    .map((call): readonly [string, GuideUser] => {
      const { name, of } = call
      if (name === undefined) throw new Error('The guide adds a user without a name')
      const [role] = of('-K')
      if (role === undefined) return [name, { permissions: permissionsOf(call) }]
      const [scope, tags] = [scopes[role], of('--tag')]
      if (scope === undefined) throw new Error(`The guide has no signing key ${role}`)
      return [name, { permissions: filledIn(scope, name, tags), scoped: { role, tags } }]
    })
  return { users: new Map(users), scopes }
}
