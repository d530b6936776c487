/**
 * The ledger's DynamoDB tables on AWS, as the service expects them (`src/tables/provision.ts`).
 *
 * On demand, encrypted, with point-in-time recovery. They can be rebuilt from the stream, but not in a minute: in prod
 * they cannot be deleted by accident and outlive their stack.
 */

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import type { Construct } from 'constructs'

export const STAGES = ['dev', 'prod'] as const
export type Stage = (typeof STAGES)[number]

/** The value of `DDB_TABLE` for a stage's service. */
export const balancesTableName = (stage: Stage): string => `customer-balances-${stage}`

export class TablesStack extends Stack {
  readonly balances: TableV2

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { readonly stage: Stage }) {
    super(scope, id, props)
    const isProd = stage === 'prod'
    this.balances = new TableV2(this, 'Balances', {
      tableName: balancesTableName(stage),
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: isProd,
      removalPolicy: isProd ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
  }
}
