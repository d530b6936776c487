/**
 * Names of resources that the stacks, the program and its operators share.
 */

import { Arn, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { User } from '../src/permissions/users.js'
import { tableName } from '../src/tables/definition.js'
import type { Stage } from './config.js'

export const SERVICE_ROLES = ['commands', 'projections', 'queries', 'gateway', 'operations'] as const
export type ServiceRole = (typeof SERVICE_ROLES)[number]

/** Programs that run once and end with an exit code. */
export const ONE_OFFS = ['seed', 'replay', 'verify', 'operator', 'importer'] as const
export type OneOff = (typeof ONE_OFFS)[number]

/**
 * The roles and programs with NATS credentials of their own: users of `src/permissions`. A replay has its own, because it
 * writes as only projections do, the operator alone makes streams, and the importer sends batches of commands and nothing else.
 */
export const CREDENTIALS = [...SERVICE_ROLES, ...ONE_OFFS] as const satisfies readonly User[]
export type Credentials = (typeof CREDENTIALS)[number]

export const HTTP_PORT = 8_080
export const NATS_PORT = 4_222
export const ROUTE_PORT = 6_222

export const stackName = (stage: Stage, part: string): string => `jetledger-${stage}-${part}`

/** The value of `DDB_TABLE`: the beginning of the names of the ledger's tables. */
export const baseTable = (stage: Stage): string => `customer-balances-${stage}`

/** The name of the table of generation 1. `replay` makes the next ones, with `.g<n>` after the name. */
export const firstTable = (stage: Stage): string => tableName(baseTable(stage), 'ledger', 1)

/** The ARN of a table of this account; a `*` in the name stands for several tables. */
export const tableArn = (scope: Construct, name: string): string =>
  Arn.format({ service: 'dynamodb', resource: 'table', resourceName: name }, Stack.of(scope))

export const logGroupName = (stage: Stage, part: string): string => `/jetledger/${stage}/${part}`

export const secretName = (stage: Stage, part: string): string => `jetledger/${stage}/${part}`
