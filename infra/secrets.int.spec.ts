import { describe, expect, it } from 'vitest'
import { CREDENTIALS } from './names.js'
import { CHOICES, ofType, templatesOf, textOf } from './testing/templates.js'

const all = CHOICES.map(choice => ({
  name: `${choice.stage}, ${choice.nats}`,
  ...choice,
  templates: templatesOf(choice),
}))

describe.each(all)('the secrets of $name', ({ stage, nats, templates }) => {
  const secrets = ofType(templates, 'AWS::SecretsManager::Secret').map(([, { Properties }]) => Properties)

  it('are one per role, for the tokens, for the signed heads, and for our own nodes', () => {
    const parts = [
      ...CREDENTIALS.map(role => `nats/${role}`),
      'gateway/tokens',
      'gateway/tls',
      'projections/head-seed',
      ...(nats === 'self-hosted' ? ['nats/ca', 'nats/node'] : []),
    ]
    expect(secrets.map(({ Name }) => Name).toSorted()).toEqual(
      parts.map(part => `jetledger/${stage}/${part}`).toSorted(),
    )
  })

  it('have no value in a template', () => {
    for (const secret of secrets) expect(Object.keys(secret).toSorted()).toEqual(['Name', 'Tags'])
  })

  it('reach containers by reference, each its own', () => {
    for (const [, { Properties }] of ofType(templates, 'AWS::ECS::TaskDefinition')) {
      const role = Properties.Family.split('-').at(-1)
      for (const { Name, Secrets = [], Environment = [] } of Properties.ContainerDefinitions) {
        const from = Object.fromEntries(
          Secrets.map((secret: { Name: string; ValueFrom: unknown }) => [
            secret.Name,
            textOf(secret.ValueFrom),
          ]),
        )
        if (Name === 'program') {
          expect(Object.keys(from)).toEqual(['NATS_CREDENTIALS'])
          expect(from.NATS_CREDENTIALS).toMatch(new RegExp(`Refnats${role}[0-9A-F]`))
        }
        const plain = Environment.filter(
          ({ Value }: { Value: unknown }) => !String(Value).startsWith('/run/jetledger/'),
        ).map((variable: { Name: string }) => variable.Name)
        expect(plain.filter((name: string) => /CREDENTIALS|PASSWORD|SECRET|_KEY$/.test(name))).toEqual([])
      }
    }
  })

  it('are nowhere in plain text', () => {
    const text = JSON.stringify(templates.all)
    expect(text).not.toMatch(
      /BEGIN (NATS|USER|CERTIFICATE|[A-Z ]*PRIVATE KEY)|eyJ[\w-]{10,}|\bS[UAO][A-Z2-7]{56}\b/,
    )
    expect(text).not.toMatch(/AKIA[A-Z0-9]{16}|"(SecretString|GenerateSecretString|MasterUserPassword)"/)
  })
})

describe.each(all)('what is stored by $name', ({ stage, templates }) => {
  it('of signed heads: for years, each written once, and nobody can change one', () => {
    const [[id, heads] = ['', undefined]] = ofType(templates, 'AWS::S3::Bucket').filter(([name]) =>
      name.startsWith('foundation/Heads'),
    )
    expect(heads).toMatchObject({
      Properties: {
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: stage === 'prod' ? 3_650 : 1 } },
        },
        VersioningConfiguration: { Status: 'Enabled' },
      },
      DeletionPolicy: 'Retain',
    })
    const [, policy] =
      ofType(templates, 'AWS::S3::BucketPolicy').find(([, { Properties }]) =>
        id.endsWith(textOf(Properties.Bucket).slice(1, -1)),
      ) ?? []
    expect(policy?.Properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Deny',
        Action: 's3:PutObject',
        Condition: { Null: { 's3:if-none-match': 'true' } },
      }),
    )
  })

  it('is encrypted', () => {
    for (const [id, { Properties }] of ofType(templates, 'AWS::EC2::Volume'))
      expect(Properties.Encrypted, id).toBe(true)
    for (const [id, { Properties }] of ofType(templates, 'AWS::EC2::LaunchTemplate')) {
      for (const { Ebs } of Properties.LaunchTemplateData.BlockDeviceMappings)
        expect(Ebs.Encrypted, id).toBe(true)
    }
    for (const [id, { Properties }] of ofType(templates, 'AWS::DynamoDB::GlobalTable')) {
      expect(Properties.SSESpecification.SSEEnabled, id).toBe(true)
    }
    for (const [id, { Properties }] of ofType(templates, 'AWS::SNS::Topic')) {
      expect(Properties.KmsMasterKeyId, id).toBeDefined()
    }
    for (const [id, { Properties }] of ofType(templates, 'AWS::KMS::Key')) {
      expect(Properties.EnableKeyRotation, id).toBe(true)
    }
  })

  it('in a bucket: encrypted, never public, and asked for by TLS only', () => {
    const buckets = ofType(templates, 'AWS::S3::Bucket')
    expect(buckets.length).toBeGreaterThanOrEqual(1)
    for (const [id, { Properties }] of buckets) {
      expect(Properties, id).toMatchObject({
        BucketEncryption: { ServerSideEncryptionConfiguration: [{}] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      })
    }
    const refusals = ofType(templates, 'AWS::S3::BucketPolicy').flatMap(([, { Properties }]) =>
      Properties.PolicyDocument.Statement.filter(
        ({ Effect, Condition }: { Effect: string; Condition?: object }) =>
          Effect === 'Deny' && JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
      ),
    )
    expect(refusals).toHaveLength(buckets.length)
  })
})
