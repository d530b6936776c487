/**
 * The rights of each task in DynamoDB: exact actions on the table or on exact indexes of it. They are stated only here.
 *
 * A role has the same rights on later generations of a table (`.g<n>`) as on generation 1. Only `replay` and `operator`
 * make and remove them.
 */

import { Stack } from 'aws-cdk-lib'
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { BY_BALANCE, BY_CUSTOMER, BY_EXPIRY, BY_ID } from '../src/tables/definition.js'
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

/** The table in all generations, only in those that a replay makes, or indexes by their names. */
type Place = 'tables' | 'tables after the first generation' | readonly string[]

type Grant = { readonly actions: readonly string[]; readonly on: Place }

/** Reading by key. Every reader also describes the table: it must be the one that the projection filled. */
const LOOK_UP: Grant = { actions: [...READ, ...DESCRIBE], on: 'tables' }

const REPLAY: readonly Grant[] = [
  { actions: [...READ, ...WRITE, ...DESCRIBE, ...SCAN], on: 'tables' },
  { actions: SHADOW, on: 'tables after the first generation' },
]

const GRANTS: Readonly<Record<Credentials, readonly Grant[]>> = {
  // an index says whose holds have expired
  commands: [LOOK_UP, { actions: QUERY, on: [BY_EXPIRY] }],
  projections: [
    { actions: [...READ, ...WRITE, ...DESCRIBE, ...EMPTY], on: 'tables' },
    // the heads alone, which a slow walk compares with the stream
    { actions: SCAN, on: [BY_ID] },
  ],
  queries: [LOOK_UP, { actions: QUERY, on: [BY_CUSTOMER, BY_BALANCE, BY_ID] }],
  gateway: [],
  seed: [],
  importer: [],
  replay: REPLAY,
  // replays that are asked for over HTTP run in it
  operations: REPLAY,
  // "jetledger recover" rebuilds the table from a stream that a person has accepted
  operator: REPLAY,
  verify: [
    { actions: [...READ, ...DESCRIBE, ...SCAN], on: 'tables' },
    { actions: QUERY, on: [BY_CUSTOMER] },
  ],
}

const namesOf = (stage: Stage, { on }: Grant): readonly string[] => {
  const name = firstTable(stage)
  const next = `${name}.g*`
  if (on === 'tables') return [name, next]
  if (on === 'tables after the first generation') return [next]
  return on.flatMap(index => [`${name}/index/${index}`, `${next}/index/${index}`])
}

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
        'Generations of a table that replay makes: the number is not known before.',
      )
    }
  }
}
