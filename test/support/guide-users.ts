/**
 * Reads the users of docs/deploy-aws.md with their permissions from the guide itself: a shell runs the guide's step with a
 * fake `nsc` that only prints its arguments. So the guide and the tests cannot drift apart.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

type Rights = { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
export type Permissions = { readonly pub: Rights; readonly sub: Rights }

const GUIDE = fileURLToPath(new URL('../../docs/deploy-aws.md', import.meta.url))
const STEP = /^4\. \*\*Identities\*\*/
const NEXT_STEP = /^5\. /
const CODE = /^ {7}/
const FIELD = '\x1f'

/** The commands of the step, as an operator copies them. */
const script = (): string => {
  const lines = readFileSync(GUIDE, 'utf8').split('\n')
  const from = lines.findIndex(line => STEP.test(line))
  const to = lines.findIndex((line, i) => i > from && NEXT_STEP.test(line))
  return lines
    .slice(from, to)
    .filter(line => CODE.test(line))
    .join('\n')
}

const SAY_ONLY = `set -eu
nsc() { printf '%s${FIELD}' "$@"; echo; }
aws() { :; }
`

/** The values of an option; one value may be a list separated by commas. */
const valuesOf = (words: readonly string[], option: string): Rights['allow'] => {
  const values = words.flatMap((word, i) => (words[i - 1] === option ? word.split(',') : []))
  return values.length === 0 ? undefined : values
}

const KNOWN = new Set(['-a', '--allow-pub', '--allow-sub', '--deny-pub', '--deny-sub'])

const rightsOf = (words: readonly string[], side: 'pub' | 'sub'): Rights => {
  const [allow, deny] = [valuesOf(words, `--allow-${side}`), valuesOf(words, `--deny-${side}`)]
  return { ...(allow && { allow }), ...(deny && { deny }) }
}

/** Reads `nsc add user -a LEDGER <name> <options>` as a user; undefined for other commands. */
const userOf = (words: readonly string[]): readonly [string, Permissions] | undefined => {
  const [add, user, ...rest] = words
  if (add !== 'add' || user !== 'user') return undefined
  const options = rest.filter(word => word.startsWith('-'))
  const unknown = options.find(option => !KNOWN.has(option))
  if (unknown !== undefined) throw new Error(`The guide uses ${unknown} of nsc, which this test cannot read`)
  const name = rest.find((word, i) => !word.startsWith('-') && !KNOWN.has(rest[i - 1] ?? ''))
  if (name === undefined) throw new Error(`The guide adds a user without a name: nsc ${words.join(' ')}`)
  return [name, { pub: rightsOf(rest, 'pub'), sub: rightsOf(rest, 'sub') }]
}

/** All users of the ledger's account, by name. */
export const guideUsers = (): ReadonlyMap<string, Permissions> => {
  const said = execFileSync('bash', ['--norc', '-c', SAY_ONLY + script()], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, STAGE: 'dev' },
  })
  const users = said.split('\n').map(line => userOf(line.split(FIELD).slice(0, -1)))
  return new Map(users.filter(user => user !== undefined))
}
