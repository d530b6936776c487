import { describe, expect, it } from 'vitest'
import { CONFIGS } from './config.js'
import { CHOICES, ofType, type Resource, templatesOf, textOf } from './testing/templates.js'

const all = CHOICES.map(choice => ({
  name: `${choice.stage}, ${choice.nats}`,
  ...choice,
  templates: templatesOf(choice),
}))

/** The one resource of a type whose path contains a text. */
const only = (resources: readonly (readonly [string, Resource])[], part: string): Resource => {
  const found = resources.filter(([id]) => id.includes(part))
  expect(found.map(([id]) => id)).toHaveLength(1)
  return found[0]?.[1] as Resource
}

describe.each(all)('the bucket of imports of $name', ({ stage, templates }) => {
  const bucket = only(ofType(templates, 'AWS::S3::Bucket'), 'foundation/Imports')
  const rule = (part: string): Resource => only(ofType(templates, 'AWS::Events::Rule'), part)

  it('is private, encrypted, has versions and TLS only, and tells EventBridge without a custom resource', () => {
    expect(bucket.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      VersioningConfiguration: { Status: 'Enabled' },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    })
    expect(templates.all.filter(([, { Type }]) => Type.startsWith('Custom::'))).toEqual([])
    const policy = only(ofType(templates, 'AWS::S3::BucketPolicy'), 'foundation/Imports')
    expect(policy.Properties.PolicyDocument.Statement).toMatchObject([
      { Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    ])
    expect(bucket.DeletionPolicy).toBe(stage === 'prod' ? 'Retain' : 'Delete')
  })

  it('loses the parts of uploads that were killed, and old versions in the end', () => {
    expect(bucket.Properties.LifecycleConfiguration.Rules).toMatchObject([
      {
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
        NoncurrentVersionExpiration: { NoncurrentDays: CONFIGS[stage].import_bucket?.old_versions_days },
        ExpiredObjectDeleteMarker: true,
      },
    ])
  })

  it('starts a task for each new CSV file of its own, in the private subnets, with what the program takes', () => {
    const { EventPattern, Targets } = rule('ImportsDropped').Properties
    expect(EventPattern).toMatchObject({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        bucket: {
          name: [expect.objectContaining({ 'Fn::ImportValue': expect.stringContaining('Imports') })],
        },
        object: { key: [{ suffix: { 'equals-ignore-case': '.csv' } }] },
      },
    })
    expect(Targets).toHaveLength(1)
    const [target] = Targets
    const { AwsVpcConfiguration: network } = target.EcsParameters.NetworkConfiguration
    expect(target.EcsParameters).toMatchObject({ LaunchType: 'FARGATE', TaskCount: 1 })
    expect(textOf(target.EcsParameters.TaskDefinitionArn)).toMatch(/^<importerTask/)
    expect(network).toMatchObject({ AssignPublicIp: 'DISABLED', Subnets: expect.any(Array) })
    expect(network.Subnets).toHaveLength(3)
    // the same groups as for tasks that a person starts
    const { Value } = templates.services.toJSON().Outputs.TaskGroups
    expect(network.SecurityGroups.map(textOf).join(',')).toBe(textOf(Value))
    const { InputPathsMap, InputTemplate } = target.InputTransformer
    expect(InputPathsMap).toEqual({ 'detail-object-key': '$.detail.object.key' })
    const template = textOf(InputTemplate).replace(/<[^>]*Imports\w+>/, 'the-bucket')
    for (const key of ['payments.csv', '-a b+ä"\\\'<x>$&.csv']) {
      // EventBridge puts JSON in the place of a placeholder without quotes
      const input = template.replace('<detail-object-key>', () => JSON.stringify(key))
      expect(JSON.parse(input)).toEqual({
        containerOverrides: [
          { name: 'program', command: ['import', '--dropped-in', 'the-bucket', '--', key] },
        ],
      })
    }
  })

  it('loses no event: what cannot be started is tried for hours, then kept, and an alarm tells of it', () => {
    const [target] = rule('ImportsDropped').Properties.Targets
    expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 21_600, MaximumRetryAttempts: 24 })
    expect(textOf(target.DeadLetterConfig.Arn)).toMatch(/^<ImportsUndelivered/)
    const queue = only(ofType(templates, 'AWS::SQS::Queue'), 'ImportsUndelivered')
    expect(queue.Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 })
    const alarm = only(ofType(templates, 'AWS::CloudWatch::Alarm'), 'importsundelivered')
    expect(alarm.Properties).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    })
    expect(alarm.Properties.AlarmActions).toHaveLength(1)
  })

  it('tells whoever is told of alarms about a task that ends with an error, or does not begin', () => {
    const { EventPattern, Targets } = rule('ImportsFailed').Properties
    expect(EventPattern).toMatchObject({
      source: ['aws.ecs'],
      detail: {
        group: [`family:jetledger-${stage}-importer`],
        lastStatus: ['STOPPED'],
        $or: [{ containers: { exitCode: [{ 'anything-but': [0] }] } }, { stopCode: ['TaskFailedToStart'] }],
      },
    })
    expect(Targets.map(({ Arn }: { Arn: unknown }) => textOf(Arn))).toEqual([
      expect.stringContaining('Alarms'),
    ])
    const key = only(ofType(templates, 'AWS::KMS::Key'), 'foundation/AlarmsKey')
    expect(JSON.stringify(key.Properties.KeyPolicy)).toContain('events.amazonaws.com')
  })

  it('is read by a task with a disk for what it copies', () => {
    const task = only(ofType(templates, 'AWS::ECS::TaskDefinition'), 'importerTask')
    const program = task.Properties.ContainerDefinitions.find(
      ({ Name }: { Name: string }) => Name === 'program',
    )
    expect(task.Properties.EphemeralStorage).toEqual({ SizeInGiB: 100 })
    const mounted = { ContainerPath: '/run/jetledger-scratch', ReadOnly: false, SourceVolume: 'scratch' }
    expect(program.MountPoints).toContainEqual(mounted)
    expect(program.Environment).toContainEqual({ Name: 'TMPDIR', Value: '/run/jetledger-scratch' })
  })
})

it('a stage without such a bucket has no rule, queue or right for it', () => {
  const templates = templatesOf({ stage: 'prod', nats: 'self-hosted' }, { import_bucket: undefined })
  expect(templates.all.filter(([id]) => /\/Imports|importsundelivered/.test(id))).toEqual([])
  expect(JSON.stringify(templates.services.toJSON())).not.toContain('s3:GetObject')
})
