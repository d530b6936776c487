import { describe, expect, it } from 'vitest'
import { ofType, templatesOf } from './testing/templates.js'

const TABLE = 'AWS::DynamoDB::GlobalTable'
const templates = {
  dev: templatesOf({ stage: 'dev', nats: 'synadia' }),
  prod: templatesOf({ stage: 'prod', nats: 'synadia' }),
}

describe.each(['dev', 'prod'] as const)('the tables of %s', stage => {
  const tables = ofType(templates[stage], TABLE).map(([, table]) => table)

  it('are the four projections, named by the stage', () => {
    const base = `customer-balances-${stage}`
    expect(tables.map(({ Properties }) => Properties.TableName)).toEqual([
      base,
      `${base}-journal`,
      `${base}-totals`,
      `${base}-ranking`,
    ])
  })

  it('are on demand, encrypted, and recoverable to any second', () => {
    for (const { Properties } of tables) {
      expect(Properties).toMatchObject({
        BillingMode: 'PAY_PER_REQUEST',
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }],
      })
    }
  })

  it('have the keys and indexes that the program reads', () => {
    const keys = (schema: { AttributeName: string }[]): string[] =>
      schema.map(({ AttributeName }) => AttributeName)
    const shapes = tables.map(({ Properties }) => ({
      key: keys(Properties.KeySchema),
      indexes: (Properties.GlobalSecondaryIndexes ?? []).map(
        (index: { IndexName: string; KeySchema: { AttributeName: string }[] }) => [
          index.IndexName,
          ...keys(index.KeySchema),
        ],
      ),
    }))
    expect(shapes).toEqual([
      { key: ['id'], indexes: [] },
      { key: ['id'], indexes: [['by-customer', 'client_id', 'seq']] },
      { key: ['id'], indexes: [] },
      {
        key: ['id'],
        indexes: [
          ['by-balance', 'shard', 'balance'],
          ['by-id', 'shard', 'id'],
          ['by-expiry', 'shard', 'expires_ms'],
        ],
      },
    ])
  })
})

it('outlive their stack and refuse deletion in prod, and go with it in dev', () => {
  const policies = (stage: 'dev' | 'prod') =>
    ofType(templates[stage], TABLE).map(([, { DeletionPolicy, UpdateReplacePolicy, Properties }]) => [
      DeletionPolicy,
      UpdateReplacePolicy,
      Properties.Replicas[0].DeletionProtectionEnabled,
    ])
  expect(policies('prod')).toEqual(Array(4).fill(['Retain', 'Retain', true]))
  expect(policies('dev')).toEqual(Array(4).fill(['Delete', 'Delete', false]))
})
