import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { describe, expect, it } from 'vitest'
import { buildApp } from './app.js'
import { type Stage, TablesStack } from './tables-stack.js'

const templateOf = (stage: Stage): Template =>
  Template.fromStack(new TablesStack(new App(), 'tables', { stage }))
const TABLE = 'AWS::DynamoDB::GlobalTable'

describe('the tables on AWS', () => {
  it('have the key that the service writes, are on demand, encrypted and recoverable', () => {
    templateOf('prod').hasResourceProperties(TABLE, {
      TableName: 'customer-balances-prod',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      Replicas: [{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }],
    })
  })

  it('outlive their stack in prod and go with it in dev', () => {
    templateOf('prod').hasResource(TABLE, {
      DeletionPolicy: 'Retain',
      Properties: { Replicas: [{ DeletionProtectionEnabled: true }] },
    })
    templateOf('dev').hasResource(TABLE, { DeletionPolicy: 'Delete' })
  })

  it('are synthesised for both stages without an account', () => {
    const stacks = buildApp()
      .synth()
      .stacks.map(({ stackName }) => stackName)
    expect(stacks).toEqual(['jetledger-tables-dev', 'jetledger-tables-prod'])
  })
})
