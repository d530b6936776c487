/**
 * Summarises the resources of a stage for a reviewer: stack by stack the number of resources of each type, the open
 * ports, and the actions that each policy allows.
 */

import { type Resource, type Templates, textOf } from './templates.js'

type Named = readonly [string, Resource]
// biome-ignore lint/suspicious/noExplicitAny: a template is whatever CloudFormation says
type Json = any

const list = (value: Json): Json[] => (value === undefined ? [] : [value].flat())
/** A logical id without the hash that the CDK appends. */
const nameOf = (id: string): string => id.replace(/[0-9A-F]{8}$/, '')
const text = (value: Json): string => textOf(value).replace(/[0-9A-F]{8}(?=[.>\]]|$)/g, '')

const typeLines = (resources: readonly Named[]): string[] => {
  const counts = new Map<string, number>()
  for (const [, { Type }] of resources) counts.set(Type, (counts.get(Type) ?? 0) + 1)
  return [...counts].map(([type, count]) => `${count} x ${type}`).toSorted()
}

const portsOf = ({ IpProtocol, FromPort, ToPort }: Json): string => {
  if (IpProtocol === '-1') return 'everything'
  return `${IpProtocol} ${FromPort === ToPort ? FromPort : `${FromPort}-${ToPort}`}`
}

const peerOf = (rule: Json): string =>
  text(
    rule.CidrIp ??
      rule.CidrIpv6 ??
      rule.SourceSecurityGroupId ??
      rule.DestinationSecurityGroupId ??
      rule.SourcePrefixListId ??
      rule.DestinationPrefixListId ??
      '?',
  )

const portLines = (resources: readonly Named[]): string[] =>
  resources.flatMap(([id, { Type, Properties }]) => {
    const line = (way: string, rule: Json): string =>
      `port: ${rule.GroupId === undefined ? nameOf(id) : text(rule.GroupId)} ${way} ${peerOf(rule)}: ${portsOf(rule)}`
    if (Type === 'AWS::EC2::SecurityGroupIngress') return [line('from', Properties)]
    if (Type === 'AWS::EC2::SecurityGroupEgress') return [line('to', Properties)]
    if (Type !== 'AWS::EC2::SecurityGroup') return []
    return [
      ...list(Properties.SecurityGroupIngress).map(rule => line('from', rule)),
      ...list(Properties.SecurityGroupEgress).map(rule => line('to', rule)),
    ]
  })

const statementsOf = ({ Type, Properties }: Resource): Json[] => {
  const documents = [
    Properties?.PolicyDocument,
    Properties?.AssumeRolePolicyDocument,
    Properties?.KeyPolicy,
    Type === 'AWS::ECR::Repository' ? Properties.RepositoryPolicyText : undefined,
    ...list(Properties?.Policies).map(policy => policy.PolicyDocument),
  ]
  return documents.flatMap(document => list(document?.Statement))
}

const policyLines = (resources: readonly Named[]): string[] =>
  resources.flatMap(([id, resource]) =>
    statementsOf(resource).map(({ Effect, Action, NotAction, Principal, Resource: on, Condition }) => {
      const actions = list(Action ?? NotAction)
        .toSorted()
        .join(', ')
      const who =
        Principal === undefined ? '' : ` for ${list(Object.values(Principal).flat()).map(text).join(', ')}`
      const what = on === undefined ? '' : ` on ${list(on).map(text).join(', ')}`
      const when = Condition === undefined ? '' : ` if ${JSON.stringify(Condition)}`
      return `policy: ${nameOf(id)}: ${Effect} ${NotAction === undefined ? '' : 'all but '}${actions}${who}${what}${when}`
    }),
  )

/** The summary of every stack, as text. */
export const summaryOf = ({ all }: Templates): string => {
  const stacks = new Map<string, Named[]>()
  for (const [path, resource] of all) {
    const [stack = '', id = ''] = path.split('/')
    stacks.set(stack, [...(stacks.get(stack) ?? []), [id, resource]])
  }
  return [...stacks]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([stack, resources]) => {
      const lines = [
        ...typeLines(resources),
        ...portLines(resources).toSorted(),
        ...policyLines(resources).toSorted(),
      ]
      return `${stack}\n${lines.map(line => `  ${line}\n`).join('')}`
    })
    .join('\n')
}
