import { describe, expect, it } from 'vitest'
import { ofType, templatesOf } from './testing/templates.js'

type Index = {
  readonly IndexName: string
  readonly KeySchema: { AttributeName: string }[]
  readonly Projection: { readonly ProjectionType: string }
}

const TABLE = 'AWS::DynamoDB::GlobalTable'
const templates = {
  dev: templatesOf({ stage: 'dev', nats: 'synadia' }),
  prod: templatesOf({ stage: 'prod', nats: 'synadia' }),
}

describe.each(['dev', 'prod'] as const)('the table of %s', stage => {
  const tables = ofType(templates[stage], TABLE).map(([, table]) => table)

  it('is one, named by the stage', () => {
    expect(tables.map(({ Properties }) => Properties.TableName)).toEqual([
      `customer-balances-${stage}-ledger`,
    ])
  })

  it('is on demand, encrypted, and recoverable to any second', () => {
    for (const { Properties } of tables) {
      expect(Properties).toMatchObject({
        BillingMode: 'PAY_PER_REQUEST',
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }],
      })
    }
  })

  it('has the keys and indexes that the program reads', () => {
    const keys = (schema: { AttributeName: string }[]): string[] =>
      schema.map(({ AttributeName }) => AttributeName)
    const shapes = tables.map(({ Properties }) => ({
      key: keys(Properties.KeySchema),
      indexes: (Properties.GlobalSecondaryIndexes ?? []).map((index: Index) => [
        index.IndexName,
        ...keys(index.KeySchema),
        index.Projection.ProjectionType,
      ]),
    }))
    expect(shapes).toEqual([
      {
        key: ['id'],
        indexes: [
          ['by-customer', 'client_id', 'seq', 'ALL'],
          ['by-balance', 'shard', 'client_balance', 'ALL'],
          ['by-id', 'shard', 'id', 'ALL'],
          ['by-expiry', 'shard', 'expires_ms', 'KEYS_ONLY'],
        ],
      },
    ])
  })
})

it('outlives its stack and refuses deletion in prod, and goes with it in dev', () => {
  const policies = (stage: 'dev' | 'prod') =>
    ofType(templates[stage], TABLE).map(([, { DeletionPolicy, UpdateReplacePolicy, Properties }]) => [
      DeletionPolicy,
      UpdateReplacePolicy,
      Properties.Replicas[0].DeletionProtectionEnabled,
    ])
  expect(policies('prod')).toEqual([['Retain', 'Retain', true]])
  expect(policies('dev')).toEqual([['Delete', 'Delete', false]])
})
