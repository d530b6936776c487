/**
 * The stack of the projection's table: on demand, encrypted, with point-in-time recovery.
 *
 * The table can be rebuilt from the stream, but not in a minute. So in prod it cannot be deleted by accident, and outlives
 * its stack.
 */

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import {
  type Attribute,
  AttributeType,
  Billing,
  type GlobalSecondaryIndexPropsV2,
  ProjectionType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb'
import type { Construct } from 'constructs'
import { type IndexDefinition, type KeyAttribute, TABLES } from '../src/tables/definition.js'
import type { StageConfig } from './config.js'
import { firstTable } from './names.js'

const TYPES = { S: AttributeType.STRING, N: AttributeType.NUMBER } as const

const attribute = ({ name, type }: KeyAttribute): Attribute => ({ name, type: TYPES[type] })

const indexOf = ({ name, partition, sort, has_keys_only }: IndexDefinition): GlobalSecondaryIndexPropsV2 => ({
  indexName: name,
  partitionKey: attribute(partition),
  sortKey: attribute(sort),
  projectionType: has_keys_only === true ? ProjectionType.KEYS_ONLY : ProjectionType.ALL,
})

export class TablesStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: StackProps & { config: StageConfig }) {
    super(scope, id, props)
    const { stage, is_protected } = config
    new TableV2(this, 'ledger', {
      tableName: firstTable(stage),
      partitionKey: attribute({ name: 'id', type: 'S' }),
      globalSecondaryIndexes: TABLES.ledger.indexes.map(indexOf),
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: is_protected,
      removalPolicy: is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
  }
}
