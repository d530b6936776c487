/**
 * What each task may do in DynamoDB: exact actions on exact tables. Nobody else writes them down.
 *
 * A table's next generations (`.g<n>`) belong to the same role as generation 1; only `replay` makes and removes them.
 */

import { Stack } from 'aws-cdk-lib'
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { PROJECTION_NAMES, type ProjectionName } from '../src/tables/definition.js'
import type { Stage } from './config.js'
import { acknowledge } from './nag.js'
import { type Credentials, firstTable, tableArn } from './names.js'

const READ = ['dynamodb:BatchGetItem', 'dynamodb:GetItem']
/** TransactWriteItems is these, item by item. */
const WRITE = ['dynamodb:PutItem', 'dynamodb:UpdateItem']
const DESCRIBE = ['dynamodb:DescribeTable']
const QUERY = ['dynamodb:Query']
const SCAN = ['dynamodb:Scan']
/** What a projection needs to empty a table that is not what it filled, before it fills it again. */
const EMPTY = [...SCAN, 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem']
/** Of tables that `replay` fills beside the live ones. */
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
/** Whether a table is the one that its projection filled is looked at by everybody who reads it. */
const identityOf = (of: Grant['of']): Grant => ({ actions: DESCRIBE, of, on: 'tables' })

const GRANTS: Readonly<Record<Credentials, readonly Grant[]>> = {
  commands: [
    { actions: READ, of: ['balances', 'journal'], on: 'tables' },
    identityOf(['balances', 'journal']),
  ],
  projections: [{ actions: [...READ, ...WRITE, ...DESCRIBE, ...EMPTY], of: ALL, on: 'tables' }],
  queries: [{ actions: READ, of: ALL, on: 'tables' }, QUERIES, identityOf(ALL)],
  gateway: [],
  seed: [],
  replay: [
    { actions: [...READ, ...WRITE, ...DESCRIBE, ...SCAN], of: ALL, on: 'tables' },
    { actions: SHADOW, of: ALL, on: 'tables after the first generation' },
  ],
  verify: [{ actions: [...READ, ...DESCRIBE, ...SCAN], of: ALL, on: 'tables' }, QUERIES],
}

const namesOf = (stage: Stage, { of, on }: Grant): readonly string[] =>
  of.flatMap(projection => {
    const name = firstTable(stage, projection)
    const next = `${name}.g*`
    if (on === 'tables') return [name, next]
    return on === 'indexes' ? [`${name}/index/*`, `${next}/index/*`] : [next]
  })

/** Gives a task's role its rights in DynamoDB; none to one that has no business there. */
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
