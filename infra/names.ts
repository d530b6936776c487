/**
 * Names that the stacks, the program and the people share.
 */

import { Arn, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { type ProjectionName, tableName } from '../src/tables/definition.js'
import type { Stage } from './config.js'

export const SERVICE_ROLES = ['commands', 'projections', 'queries', 'gateway'] as const
export type ServiceRole = (typeof SERVICE_ROLES)[number]

/** Programs that run once and end with an exit code. */
export const ONE_OFFS = ['seed', 'replay', 'verify'] as const
export type OneOff = (typeof ONE_OFFS)[number]

/** Every secret with NATS credentials; a projection, and so its replay, writes what no other role may. */
export const CREDENTIALS = [...SERVICE_ROLES, ...ONE_OFFS] as const
export type Credentials = (typeof CREDENTIALS)[number]

export const HTTP_PORT = 8_080
export const NATS_PORT = 4_222
export const ROUTE_PORT = 6_222

export const stackName = (stage: Stage, part: string): string => `jetledger-${stage}-${part}`

/** The value of `DDB_TABLE`, which is the table of balances; the others' names begin with it. */
export const balancesTable = (stage: Stage): string => `customer-balances-${stage}`

/** A projection's table of generation 1. `replay` makes the next ones, with `.g<n>` behind the name. */
export const firstTable = (stage: Stage, projection: ProjectionName): string =>
  tableName(balancesTable(stage), projection, 1)

/** The ARN of a table of this account, or with `*` in its name of several. */
export const tableArn = (scope: Construct, name: string): string =>
  Arn.format({ service: 'dynamodb', resource: 'table', resourceName: name }, Stack.of(scope))

export const logGroupName = (stage: Stage, part: string): string => `/jetledger/${stage}/${part}`

export const secretName = (stage: Stage, part: string): string => `jetledger/${stage}/${part}`
