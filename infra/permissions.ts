/**
 * The rights of each task in DynamoDB: exact actions on exact tables. They are stated only here.
 *
 * A role has the same rights on later generations of a table (`.g<n>`) as on generation 1. Only `replay` and `operator`
 * make and remove them.
 */

import { Stack } from 'aws-cdk-lib'
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { PROJECTION_NAMES, type ProjectionName } from '../src/tables/definition.js'
import type { Stage } from './config.js'
import { acknowledge } from './nag.js'
import { type Credentials, firstTable, tableArn } from './names.js'

const READ = ['dynamodb:BatchGetItem', 'dynamodb:GetItem']
/** TransactWriteItems needs these rights, one for each kind of item in the transaction. */
const WRITE = ['dynamodb:PutItem', 'dynamodb:UpdateItem']
const DESCRIBE = ['dynamodb:DescribeTable']
const QUERY = ['dynamodb:Query']
const SCAN = ['dynamodb:Scan']
/** The actions with which a projection empties a table that it did not fill, before it fills the table again. */
const EMPTY = [...SCAN, 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem']
/** The actions on tables that `replay` fills beside the live ones. */
const SHADOW = ['dynamodb:CreateTable', 'dynamodb:DeleteTable']

const ALL = PROJECTION_NAMES
const INDEXED = ['journal', 'ranking'] as const

/** Actions on the tables of some projections, or on their indexes. */
type Grant = {
  readonly actions: readonly string[]
  readonly of: readonly ProjectionName[]
  readonly on: 'tables' | 'indexes' | 'tables after the first generation'
}

const QUERIES: Grant = { actions: QUERY, of: INDEXED, on: 'indexes' }
/** The right to describe a table: every reader checks that the table is the one that its projection filled. */
const identityOf = (of: Grant['of']): Grant => ({ actions: DESCRIBE, of, on: 'tables' })

const REPLAY: readonly Grant[] = [
  { actions: [...READ, ...WRITE, ...DESCRIBE, ...SCAN], of: ALL, on: 'tables' },
  { actions: SHADOW, of: ALL, on: 'tables after the first generation' },
]

const GRANTS: Readonly<Record<Credentials, readonly Grant[]>> = {
  commands: [
    { actions: READ, of: ['balances', 'journal', 'ranking'], on: 'tables' },
    // an index of the ranking says whose holds have expired
    { actions: QUERY, of: ['ranking'], on: 'indexes' },
    identityOf(['balances', 'journal', 'ranking']),
  ],
  projections: [{ actions: [...READ, ...WRITE, ...DESCRIBE, ...EMPTY], of: ALL, on: 'tables' }],
  queries: [{ actions: READ, of: ALL, on: 'tables' }, QUERIES, identityOf(ALL)],
  gateway: [],
  seed: [],
  importer: [],
  replay: REPLAY,
  // replays that are asked for over HTTP run in it
  operations: REPLAY,
  // "jetledger recover" rebuilds the tables from a stream that a person has accepted
  operator: REPLAY,
  verify: [{ actions: [...READ, ...DESCRIBE, ...SCAN], of: ALL, on: 'tables' }, QUERIES],
}

const namesOf = (stage: Stage, { of, on }: Grant): readonly string[] =>
  of.flatMap(projection => {
    const name = firstTable(stage, projection)
    const next = `${name}.g*`
    if (on === 'tables') return [name, next]
    return on === 'indexes' ? [`${name}/index/*`, `${next}/index/*`] : [next]
  })

/** Gives the role of a task its rights in DynamoDB: none for the gateway, `seed` and `importer`, which use no tables. */
export const grantTables = (role: IRole, stage: Stage, credentials: Credentials): void => {
  for (const grant of GRANTS[credentials]) {
    const names = namesOf(stage, grant)
    const resources = names.map(name => tableArn(role, name))
    role.addToPrincipalPolicy(new PolicyStatement({ actions: [...grant.actions], resources }))
    for (const name of names.filter(each => each.includes('*'))) {
      acknowledge(
        role,
        `IAM5[Resource::arn:<AWS::Partition>:dynamodb:${Stack.of(role).region}:<AWS::AccountId>:table/${name}]`,
        'Generations of a table that replay makes, and indexes: the number is not known before.',
      )
    }
  }
}
