/**
 * Builds the CDK app: all stacks of one stage with one choice of NATS. The app has an entry of its own (main.ts), so
 * that the service never loads the CDK. Building needs no account, credentials, network or Docker.
 */

import { App, type AppProps, type StackProps, Tags, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import type { Choice } from './choice.js'
import { CONFIGS, configProblems, type StageConfig } from './config.js'
import { FoundationStack } from './foundation-stack.js'
import { stackName } from './names.js'
import { NatsStack } from './nats-stack.js'
import { NetworkStack } from './network-stack.js'
import { ServicesStack } from './services-stack.js'
import { TablesStack } from './tables-stack.js'
import { WatchStack } from './watch-stack.js'

/** Switches on behaviours of the CDK that are off by default for the sake of older apps. */
const CONTEXT = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/core:checkSecretUsage': true,
  '@aws-cdk/core:validateAgainstDefaultRules': true,
  '@aws-cdk/core:target-partitions': ['aws'],
  '@aws-cdk/aws-ecs:reduceEc2FargateCloudWatchPermissions': true,
  '@aws-cdk/aws-ecs:removeDefaultDeploymentAlarm': true,
  '@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker': true,
  '@aws-cdk/aws-ec2:launchTemplateDefaultUserData': true,
}

export type Built = {
  readonly app: App
  readonly foundation: FoundationStack
  readonly tables: TablesStack
  readonly network: NetworkStack
  readonly nats: NatsStack | undefined
  readonly services: ServicesStack
  readonly watch: WatchStack
}

/** Adds the checks of cdk-nag and of CloudFormation's own rules. Their findings fail the synthesis. */
const check = (app: App): void => {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  Validations.of(app).acknowledge({
    id: 'CloudFormation-Validate::W3010',
    reason: 'The zones are stated on purpose: a volume, its node and a replica of the stream stay in theirs.',
  })
}

/** Tags every resource that can carry tags: the budget counts costs by tag. */
const tagAll = (app: App, tags: Readonly<Record<string, string>>): void => {
  for (const [key, value] of Object.entries(tags)) Tags.of(app).add(key, value)
}

/**
 * Builds every stack of a stage into an app. Throws when the stage's configuration is wrong. The checks take most of
 * the time of a synthesis, so tests leave them out (`is_checked`), except one that makes them for all stages.
 */
export const buildApp = (
  { stage, nats }: Choice,
  app_props: AppProps = {},
  config: StageConfig = CONFIGS[stage],
  is_checked = true,
): Built => {
  const problems = configProblems(config)
  if (problems.length > 0) throw new Error(`infra/config.ts, ${stage}: ${problems.join('; ')}`)
  const app = new App({
    analyticsReporting: false,
    builtinCloudFormationValidation: is_checked,
    context: CONTEXT,
    ...app_props,
  })
  if (is_checked) check(app)
  const props = {
    config,
    env: { region: config.region },
    terminationProtection: config.is_protected,
  } satisfies StackProps & { config: StageConfig }
  tagAll(app, { product: 'jetledger', stage, 'cost-centre': `jetledger-${stage}` })
  const foundation = new FoundationStack(app, stackName(stage, 'foundation'), props)
  const tables = new TablesStack(app, stackName(stage, 'tables'), props)
  const network = new NetworkStack(app, stackName(stage, 'network'), { ...props, nats })
  const nats_stack =
    nats === 'self-hosted'
      ? new NatsStack(app, stackName(stage, 'nats'), { ...props, vpc: network.vpc, foundation })
      : undefined
  const services = new ServicesStack(app, stackName(stage, 'services'), {
    ...props,
    vpc: network.vpc,
    foundation,
    own_nats: nats_stack?.cluster.connection,
  })
  // a task that starts before its tables exist would try to make them itself, and has no right to
  services.addStackDependency(tables)
  const nats_nodes = nats_stack?.cluster.nodes.map(({ name }) => name) ?? []
  const watch = new WatchStack(app, stackName(stage, 'watch'), { ...props, foundation, services, nats_nodes })
  return { app, foundation, tables, network, nats: nats_stack, services, watch }
}
