/**
 * The projections' tables on AWS: on demand, encrypted, with point-in-time recovery.
 *
 * They can be rebuilt from the stream, but not in a minute: in prod they cannot be deleted by accident and outlive
 * their stack.
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
import type { StageConfig } from './config.js'
import { PROJECTIONS, type Projection, tableName } from './names.js'

const text = (name: string): Attribute => ({ name, type: AttributeType.STRING })
const number = (name: string): Attribute => ({ name, type: AttributeType.NUMBER })

const index = (
  indexName: string,
  partitionKey: Attribute,
  sortKey: Attribute,
): GlobalSecondaryIndexPropsV2 => ({
  indexName,
  partitionKey,
  sortKey,
  projectionType: ProjectionType.ALL,
})

const INDEXES: Readonly<Record<Projection, GlobalSecondaryIndexPropsV2[]>> = {
  balances: [],
  journal: [index('by-customer', text('client_id'), number('seq'))],
  totals: [],
  ranking: [index('by-balance', text('shard'), number('balance')), index('by-id', text('shard'), text('id'))],
}

export class TablesStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: StackProps & { config: StageConfig }) {
    super(scope, id, props)
    const { stage, is_protected } = config
    for (const projection of PROJECTIONS) {
      new TableV2(this, projection, {
        tableName: tableName(stage, projection),
        partitionKey: text('id'),
        globalSecondaryIndexes: INDEXES[projection],
        billing: Billing.onDemand(),
        encryption: TableEncryptionV2.awsManagedKey(),
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
        deletionProtection: is_protected,
        removalPolicy: is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      })
    }
  }
}
