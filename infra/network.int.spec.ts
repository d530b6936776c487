import { describe, expect, it } from 'vitest'
import { CHOICES, ofType, type Resource, type Templates, templatesOf, textOf } from './testing/templates.js'

const WORLD = ['0.0.0.0/0', '::/0']

type Rule = { readonly of: string; readonly from: string; readonly port: number }

const ruleOf = (of: string, rule: Resource['Properties']): Rule => ({
  of,
  from: textOf(rule.CidrIp ?? rule.CidrIpv6 ?? rule.SourceSecurityGroupId),
  port: rule.IpProtocol === '-1' || rule.FromPort !== rule.ToPort ? Number.NaN : rule.FromPort,
})

/** Every ingress rule of all stacks, in a group or as a resource of its own. */
const ingress = (templates: Templates): readonly Rule[] => [
  ...ofType(templates, 'AWS::EC2::SecurityGroup').flatMap(([id, { Properties }]) =>
    (Properties.SecurityGroupIngress ?? []).map((rule: Resource['Properties']) => ruleOf(id, rule)),
  ),
  ...ofType(templates, 'AWS::EC2::SecurityGroupIngress').map(([id, { Properties }]) =>
    ruleOf(id, Properties),
  ),
]

/** Every egress rule of all stacks, as those of ingress; `from` is where it leads to. */
const egress = (templates: Templates): readonly Rule[] => {
  const ruleTo = (of: string, rule: Resource['Properties']): Rule =>
    ruleOf(of, {
      ...rule,
      CidrIp: rule.CidrIp ?? rule.DestinationPrefixListId,
      SourceSecurityGroupId: rule.DestinationSecurityGroupId,
    })
  return [
    ...ofType(templates, 'AWS::EC2::SecurityGroup').flatMap(([id, { Properties }]) =>
      (Properties.SecurityGroupEgress ?? [])
        // the CDK writes a rule that nothing matches where a group has none
        .filter(({ CidrIp }: Resource['Properties']) => CidrIp !== '255.255.255.255/32')
        .map((rule: Resource['Properties']) => ruleTo(id, rule)),
    ),
    ...ofType(templates, 'AWS::EC2::SecurityGroupEgress').map(([id, { Properties }]) =>
      ruleTo(id, Properties),
    ),
  ]
}

/** The AWS services with an endpoint, each with the number of its subnets (0: an endpoint in the route tables). */
const endpoints = (templates: Templates): Record<string, number> =>
  Object.fromEntries(
    ofType(templates, 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => [
      textOf(Properties.ServiceName).replace(/^com\.amazonaws\.[^.]+\./, ''),
      Properties.SubnetIds?.length ?? 0,
    ]),
  )

const all = CHOICES.map(choice => ({
  name: `${choice.stage}, ${choice.nats}`,
  ...choice,
  templates: templatesOf(choice),
}))

describe.each(all)('the network of $name', ({ stage, nats, templates }) => {
  const vpc = ofType(templates, 'AWS::EC2::Subnet').map(([, { Properties }]) => Properties)

  it('has private subnets in the three zones that the configuration names', () => {
    const zones = (is_public: boolean) =>
      vpc
        .filter(({ Tags }) => textOf(JSON.stringify(Tags)).includes('"Public"') === is_public)
        .map(({ AvailabilityZone }) => AvailabilityZone)
    const three = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']
    expect(zones(false)).toEqual(three)
    expect(zones(true)).toEqual(nats === 'synadia' ? three : [])
    for (const { MapPublicIpOnLaunch } of vpc) expect(MapPublicIpOnLaunch).toBe(false)
  })

  it('has a way out only to a NATS outside', () => {
    const expected = nats === 'self-hosted' ? 0 : stage === 'dev' ? 1 : 3
    expect(ofType(templates, 'AWS::EC2::NatGateway')).toHaveLength(expected)
    expect(ofType(templates, 'AWS::EC2::InternetGateway')).toHaveLength(nats === 'synadia' ? 1 : 0)
  })

  it('reaches AWS by endpoints', () => {
    const zones = stage === 'dev' ? 1 : 3
    const interfaces = ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager'].concat(
      nats === 'self-hosted' ? ['ec2', 'cloudformation', 'servicediscovery'] : [],
    )
    const found = endpoints(templates)
    expect(Object.keys(found).toSorted()).toEqual([...interfaces, 'dynamodb', 's3'].toSorted())
    for (const name of interfaces) expect(found[name], name).toBe(zones)
  })

  it('lets nobody in from outside', () => {
    const rules = ingress(templates)
    expect(rules.length).toBeGreaterThan(2)
    expect(rules.filter(({ from }) => WORLD.includes(from))).toEqual([])
    expect(rules.filter(({ port }) => ![443, 4_222, 6_222, 8_080].includes(port))).toEqual([])
  })

  it('lets only clients and nodes to the NATS nodes', () => {
    const nats_rules = ingress(templates).filter(({ port }) => port === 4_222 || port === 6_222)
    expect(nats_rules.map(({ from, port }) => [port, from.replace(/[0-9A-F]{8}/, '')])).toEqual(
      nats === 'self-hosted'
        ? [
            [4_222, '<ClusterClients.GroupId>'],
            [6_222, '<ClusterServers.GroupId>'],
          ]
        : [],
    )
  })

  it('lets the tasks out to AWS and NATS only', () => {
    const out = egress(templates)
      .filter(({ of }) => /services\/(commands|projections|queries|gateway|operations)Group/.test(of))
      .map(({ of, from, port }) => `${/(\w+)Group/.exec(of)?.[1]} ${from} ${port}`)
    const cidr = stage === 'dev' ? '10.40.0.0/16' : '10.41.0.0/16'
    const each = (role: string): readonly string[] => [
      `${cidr} 443`,
      // the gateway uses no table
      ...(role === 'gateway' ? [] : ['pl-66a5400f 443']),
      'pl-6ea54007 443',
      ...(nats === 'synadia' ? ['0.0.0.0/0 4222'] : []),
    ]
    expect(out.toSorted()).toEqual(
      ['commands', 'gateway', 'operations', 'projections', 'queries']
        .flatMap(role => each(role).map(one => `${role} ${one}`))
        .toSorted(),
    )
    expect(egress(templates).filter(({ port }) => Number.isNaN(port))).toEqual([])
  })

  it('lets balancer, clients, nodes and endpoints out to what each is for', () => {
    const out = egress(templates)
      .filter(({ of }) => !/services\/(commands|projections|queries|gateway|operations)Group/.test(of))
      .map(({ of, from, port }) => {
        const group = /^\w+\/(ClusterClients|ClusterServers|FrontGroup|Endpoints)/.exec(of)?.[1]
        return `${group} ${from.replace(/[0-9A-F]{8}/, '')} ${port}`
      })
    const cidr = stage === 'dev' ? '10.40.0.0/16' : '10.41.0.0/16'
    expect(out.toSorted()).toEqual(
      [
        'FrontGroup <gatewayGroup.GroupId> 8080',
        ...(nats === 'self-hosted'
          ? [
              `ClusterServers ${cidr} 443`,
              'ClusterServers pl-6ea54007 443',
              'ClusterServers <ClusterServers.GroupId> 6222',
              'ClusterClients <ClusterServers.GroupId> 4222',
            ]
          : []),
      ].toSorted(),
    )
  })

  it('carries nothing to another account, and to no other table', () => {
    for (const [id, { Properties }] of ofType(templates, 'AWS::EC2::VPCEndpoint')) {
      const [first, ...others] = Properties.PolicyDocument.Statement
      expect(textOf(first.Condition.StringEquals['aws:PrincipalAccount']), id).toBe('<AWS::AccountId>')
      const on = [first, ...others].map(({ Resource }) => textOf(Resource)).join(' ')
      if (/DynamoDb/.test(id)) expect(on).toMatch(new RegExp(`table/customer-balances-${stage}\\*$`))
      if (/S3/.test(id)) expect(on).toMatch(/^\* .*starport-layer-bucket\/\*$/)
      else expect(others).toEqual([])
    }
  })

  it('logs what it refuses', () => {
    expect(
      ofType(templates, 'AWS::EC2::FlowLog').map(([, { Properties }]) => Properties.TrafficType),
    ).toEqual(['REJECT'])
  })
})

it('opens HTTPS of the load balancer alone when a stage opens its gateway', () => {
  const templates = templatesOf({ stage: 'prod', nats: 'self-hosted' }, { gateway_open_to: 'internet' })
  const open = ingress(templates).filter(({ from }) => WORLD.includes(from))
  expect(open).toEqual([{ of: expect.stringMatching(/^services\/FrontGroup/), from: '0.0.0.0/0', port: 443 }])
})

it('gives the gateway alone a way to an issuer of tokens that is outside', () => {
  const issuer = { url: 'https://login.example', audience: 'ledger', is_outside: true }
  const templates = templatesOf({ stage: 'dev', nats: 'self-hosted' }, { issuer })
  expect(ofType(templates, 'AWS::EC2::NatGateway')).toHaveLength(1)
  expect(egress(templates).filter(({ from }) => WORLD.includes(from))).toEqual([
    { of: expect.stringMatching(/^services\/gatewayGroup/), from: '0.0.0.0/0', port: 443 },
  ])
  const variables = ofType(templates, 'AWS::ECS::TaskDefinition').flatMap(
    ([, { Properties }]) =>
      Properties.ContainerDefinitions.find(({ Name }: { Name: string }) => Name === 'program').Environment,
  )
  expect(variables.filter(({ Name }: { Name: string }) => Name.startsWith('HTTP_JWT_'))).toEqual([
    { Name: 'HTTP_JWT_ISSUER', Value: 'https://login.example' },
    { Name: 'HTTP_JWT_AUDIENCE', Value: 'ledger' },
  ])
})
