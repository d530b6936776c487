import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { E } from '../src/fp.js'
import { decodeConfig } from '../src/process/config.js'
import { CONFIGS } from './config.js'
import { ONE_OFFS, SERVICE_ROLES } from './names.js'
import { ROOT } from './repository-root.js'
import { CHOICES, ofType, type Resource, type Templates, templatesOf, textOf } from './testing/templates.js'

type Container = Resource['Properties']

const programsOf = (templates: Templates): ReadonlyMap<string, Container> =>
  new Map(
    ofType(templates, 'AWS::ECS::TaskDefinition').map(([, { Properties }]) => [
      Properties.Family.split('-').at(-1),
      Properties.ContainerDefinitions.find(({ Name }: Container) => Name === 'program'),
    ]),
  )

const containersOf = (templates: Templates): readonly Container[] =>
  ofType(templates, 'AWS::ECS::TaskDefinition').flatMap(
    ([, { Properties }]) => Properties.ContainerDefinitions,
  )

/** What stands for the variables whose values are known only in an account. */
const IN_THE_ACCOUNT: Readonly<Record<string, string>> = {
  NATS_URL: 'tls://connect.ngs.global',
  JETLEDGER_HEAD_BUCKET: 'the-bucket-of-heads',
  JETLEDGER_CALLERS: 'request-info',
  JETLEDGER_GATEWAY_ACCOUNT: 'GATEWAY',
  JETLEDGER_AUDIT: 'all',
  JETLEDGER_TEXTS: 'sealed',
  JETLEDGER_JOURNAL: 'savepoints',
}

/** The environment of a container's process, with credentials of the right form in place of the secret. */
const environmentOf = ({ Environment, Secrets }: Container): Record<string, string> => {
  const credentials = Buffer.from('-----BEGIN NATS USER JWT-----').toString('base64')
  return Object.fromEntries([
    ...Environment.map(({ Name, Value }: Container) => [Name, textOf(Value)]),
    ...Secrets.map(({ Name }: Container) => [Name, credentials]),
    // the values of parameters and of other stacks are known only in the account
    ...Environment.filter(({ Value }: Container) => typeof Value === 'object').map(({ Name }: Container) => [
      Name,
      IN_THE_ACCOUNT[Name] ?? textOf(Environment.find((one: Container) => one.Name === Name).Value),
    ]),
  ])
}

const all = CHOICES.map(choice => ({
  name: `${choice.stage}, ${choice.nats}`,
  ...choice,
  templates: templatesOf(choice),
}))

describe.each(all)('the tasks of $name', ({ stage, nats, templates }) => {
  const programs = programsOf(templates)

  it('are one per role and one per program that runs once', () => {
    expect([...programs.keys()].toSorted()).toEqual([...SERVICE_ROLES, ...ONE_OFFS].toSorted())
  })

  it.each([...SERVICE_ROLES, ...ONE_OFFS])('%s gets an environment that the program takes', role => {
    const decoded = decodeConfig(environmentOf(programs.get(role)))
    expect(decoded).toMatchObject(
      E.right({
        nats: expect.objectContaining({
          is_tls: true,
          login: expect.objectContaining({ tag: 'creds' }),
          tls: expect.objectContaining({
            ca: nats === 'self-hosted' ? '/run/jetledger/nats-ca.pem' : undefined,
          }),
        }),
        DDB_TABLE: `customer-balances-${stage}`,
        JETLEDGER_JOURNAL: 'savepoints',
        AWS_REGION: 'eu-central-1',
        JETLEDGER_REPLICAS: 3,
        HTTP_PORT: 8_080,
        ...(SERVICE_ROLES.some(each => each === role) ? { JETLEDGER_ROLES: [role] } : {}),
        JETLEDGER_STREAM_BYTES_MAX: nats === 'synadia' ? CONFIGS[stage].synadia_stream_bytes_max : undefined,
      }),
    )
  })

  it('get files and settings of their role alone', () => {
    const own = (role: string): Record<string, string | undefined> =>
      Object.fromEntries(
        Object.entries(environmentOf(programs.get(role))).filter(([name]) =>
          /^HTTP_(?!PORT)|^JETLEDGER_(HEAD|CALLERS|GATEWAY|AUDIT|TEXTS)/.test(name),
        ),
      )
    const writers = {
      JETLEDGER_CALLERS: 'request-info',
      JETLEDGER_GATEWAY_ACCOUNT: 'GATEWAY',
      JETLEDGER_AUDIT: 'all',
    }
    const expected: Record<string, Record<string, string>> = {
      commands: { ...writers, JETLEDGER_TEXTS: 'sealed' },
      operations: writers,
      projections: {
        JETLEDGER_HEAD_SEED_FILE: '/run/jetledger/head.seed',
        JETLEDGER_HEAD_BUCKET: 'the-bucket-of-heads',
        JETLEDGER_HEAD_LOCK_DAYS: stage === 'prod' ? '3650' : '1',
      },
      gateway: {
        HTTP_TOKENS_FILE: '/run/jetledger/tokens.json',
        HTTP_TLS_CERT: '/run/jetledger/gateway.pem',
        HTTP_TLS_KEY: '/run/jetledger/gateway.key',
        HTTP_TRUST_PROXY: '1',
      },
    }
    for (const role of programs.keys()) expect(own(role), role).toEqual(expected[role] ?? {})
  })

  it('run as a number that is not root, on a read-only root, without capabilities, with an init', () => {
    const containers = containersOf(templates)
    expect(containers.length).toBeGreaterThanOrEqual(8)
    for (const container of containers) {
      expect(container).toMatchObject({
        User: '1000:1000',
        ReadonlyRootFilesystem: true,
        LinuxParameters: { InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } },
      })
      expect(container.Privileged ?? false).toBe(false)
    }
  })

  it('write the files that settings name, before the program starts, which cannot write there', () => {
    for (const [, { Properties }] of ofType(templates, 'AWS::ECS::TaskDefinition')) {
      const [first, program] = Properties.ContainerDefinitions.toSorted((a: Container, b: Container) =>
        a.Name.localeCompare(b.Name),
      ) as Container[]
      if (program === undefined) {
        expect(nats).toBe('synadia')
        continue
      }
      expect(first).toMatchObject({
        Name: 'files',
        Essential: false,
        EntryPoint: ['node', 'bin/write-files.js'],
      })
      expect(program.DependsOn).toEqual([{ Condition: 'SUCCESS', ContainerName: 'files' }])
      expect(program.MountPoints).toContainEqual({
        ContainerPath: '/run/jetledger',
        ReadOnly: true,
        SourceVolume: 'files',
      })
      const paths = environmentOf(program)
      for (const pair of first.Command) {
        const [variable, path] = pair.split('=')
        expect(paths[variable], variable).toBe(path)
        expect(first.Secrets.map(({ Name }: Container) => Name)).toContain(variable)
      }
    }
  })

  it('may drain longer than the program takes at most', () => {
    const source = readFileSync(join(ROOT, 'src/process/signals.ts'), 'utf8')
    const stop_ms_max = Number(/STOP_MS_MAX = ([\d_]+)/.exec(source)?.[1]?.replaceAll('_', ''))
    expect(stop_ms_max).toBeGreaterThan(0)
    for (const { StopTimeout } of programs.values()) expect(StopTimeout * 1_000).toBeGreaterThan(stop_ms_max)
  })

  it('take the image by a tag that is a parameter, from the repository of the stage', () => {
    for (const { Image } of containersOf(templates)) {
      expect(textOf(Image)).toMatch(/Images.*:<ImageTag>$/)
    }
  })
})

/** The number of tasks as the templates have it: none while the parameter `Running` says no. */
const whileRunning = (tasks: number) => ({ 'Fn::If': ['IsRunning', tasks, 0] })

describe.each(all)('the services of $name', ({ stage, templates }) => {
  const services = new Map(
    ofType(templates, 'AWS::ECS::Service').map(([, { Properties }]) => [
      Properties.ServiceName.replace('jetledger-', ''),
      Properties,
    ]),
  )

  it('are as many as the stage says: a projection has one standby, there are at least three queries', () => {
    const { projections, queries } = CONFIGS[stage]
    expect([projections.min, queries.min >= 3]).toEqual([2, true])
    for (const role of SERVICE_ROLES)
      expect(services.get(role)?.DesiredCount).toEqual(whileRunning(CONFIGS[stage][role].min))
  })

  it('have no tasks before the operator has made the streams, which a role may not make', () => {
    templates.services.hasParameter('Running', { Default: 'yes' })
    for (const [, { Properties }] of ofType(templates, 'AWS::ApplicationAutoScaling::ScalableTarget'))
      expect(Properties.MinCapacity).toEqual(whileRunning(expect.any(Number)))
  })

  it('roll back a deployment that fails, without going below their number', () => {
    expect(services.size).toBe(5)
    for (const service of services.values()) {
      expect(service).toMatchObject({
        LaunchType: 'FARGATE',
        AvailabilityZoneRebalancing: 'ENABLED',
        DeploymentConfiguration: {
          DeploymentCircuitBreaker: { Enable: true, Rollback: true },
          MinimumHealthyPercent: 100,
        },
        NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
      })
      expect(service.NetworkConfiguration.AwsvpcConfiguration.Subnets).toHaveLength(3)
    }
  })

  it('are watched by container insights, and their logs end some day', () => {
    const [[, cluster] = ['', undefined]] = ofType(templates, 'AWS::ECS::Cluster')
    expect(cluster?.Properties.ClusterSettings).toEqual([{ Name: 'containerInsights', Value: 'enabled' }])
    const logs = ofType(templates, 'AWS::Logs::LogGroup')
    expect(logs.length).toBeGreaterThanOrEqual(8)
    for (const [id, { Properties }] of logs) {
      expect(Properties.RetentionInDays, id).toBe(CONFIGS[stage].log_retention_days)
    }
  })

  it('scale the commands and queries by CPU and by what is in flight, and never the projections', () => {
    const policies = ofType(templates, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(
      ([id, { Properties }]) => {
        const { CustomizedMetricSpecification: own, PredefinedMetricSpecification: aws } =
          Properties.TargetTrackingScalingPolicyConfiguration
        return `${/services\/(commands|queries|gateway|projections)/.exec(id)?.[1]} ${own?.MetricName ?? aws.PredefinedMetricType}`
      },
    )
    const cpu = 'ECSServiceAverageCPUUtilization'
    const expected = (['commands', 'queries', 'gateway'] as const)
      .filter(role => CONFIGS[stage][role].max > CONFIGS[stage][role].min)
      .flatMap(role => [`${role} ${cpu}`, ...(role === 'gateway' ? [] : [`${role} in_flight_${role}`])])
    expect(policies.toSorted()).toEqual(expected.toSorted())
  })
})

it.each(all)('the gateway of $name is behind TLS', ({ templates }) => {
  const listeners = ofType(templates, 'AWS::ElasticLoadBalancingV2::Listener').map(
    ([, { Properties }]) => Properties,
  )
  expect(listeners).toMatchObject([
    {
      Port: 443,
      Protocol: 'HTTPS',
      SslPolicy: expect.stringMatching(/TLS13/),
      Certificates: [{ CertificateArn: { Ref: expect.stringContaining('CertificateArn') } }],
    },
  ])
  const [[, targets] = ['', undefined]] = ofType(templates, 'AWS::ElasticLoadBalancingV2::TargetGroup')
  // a gateway that has lost NATS leaves the rotation within seconds
  expect(targets?.Properties).toMatchObject({
    Protocol: 'HTTPS',
    HealthCheckProtocol: 'HTTPS',
    HealthCheckPath: '/readyz',
    HealthCheckIntervalSeconds: 5,
    UnhealthyThresholdCount: 2,
  })
  const [[, balancer] = ['', undefined]] = ofType(templates, 'AWS::ElasticLoadBalancingV2::LoadBalancer')
  // the gateway takes the caller's address from the last entry
  expect(balancer?.Properties.LoadBalancerAttributes).toContainEqual({
    Key: 'routing.http.xff_header_processing.mode',
    Value: 'append',
  })
  expect(balancer?.Properties.Scheme).toBe('internal')
})
