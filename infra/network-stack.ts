/**
 * The stack of the network: private subnets in three zones, and endpoints through which they reach AWS.
 *
 * A way to the internet exists only for a NATS outside AWS, for an issuer of tokens outside, or for an open gateway.
 */

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetConfiguration,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, PolicyStatement, type PolicyStatementProps } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { NatsChoice, StageConfig } from './config.js'
import { baseTable, logGroupName, tableArn } from './names.js'

const PRIVATE = 'private'

/** The subnets of all services, which have no public addresses. */
export const PRIVATE_SUBNETS: SubnetSelection = { subnetGroupName: PRIVATE }

const FARGATE_ENDPOINTS = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}

/** The AWS APIs that a NATS node calls at its start: it attaches its volume, registers its name, and signals. */
const NODE_ENDPOINTS = {
  Ec2: InterfaceVpcEndpointAwsService.EC2,
  CloudFormation: InterfaceVpcEndpointAwsService.CLOUDFORMATION,
  ServiceDiscovery: InterfaceVpcEndpointAwsService.CLOUD_MAP_SERVICE_DISCOVERY,
}

const subnets = (is_outbound: boolean, is_public: boolean): SubnetConfiguration[] => [
  {
    name: PRIVATE,
    subnetType: is_outbound ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PRIVATE_ISOLATED,
    cidrMask: 20,
  },
  ...(is_public
    ? [{ name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false }]
    : []),
]

/** A statement of an endpoint's policy, which names everybody: the rights of the callers are their own policies'. */
const allowed = (statement: PolicyStatementProps): PolicyStatement =>
  new PolicyStatement({ ...statement, principals: [new AnyPrincipal()] })

const ofAccount = ({ account }: Stack): { StringEquals: Record<string, string> } => ({
  StringEquals: { 'aws:PrincipalAccount': account },
})

type NetworkProps = StackProps & { readonly config: StageConfig; readonly nats: NatsChoice }

export class NetworkStack extends Stack {
  readonly vpc: IVpc

  constructor(scope: Construct, id: string, { config, nats, ...props }: NetworkProps) {
    super(scope, id, props)
    const is_outbound = nats === 'synadia' || config.issuer?.is_outside === true
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(config.vpc_cidr),
      availabilityZones: [...config.zones],
      natGateways: is_outbound ? config.nat_gateways : 0,
      subnetConfiguration: subnets(is_outbound, is_outbound || config.gateway_open_to === 'internet'),
      // the restriction would need a custom resource, and nothing here uses the default group
      restrictDefaultSecurityGroup: false,
    })
    // a cast, because the class declares its optional properties otherwise than the interface, and the compiler is
    // strict
    this.vpc = vpc as IVpc
    this.logFlows(config)
    this.addGateways(config)
    this.addInterfaces(config, { ...FARGATE_ENDPOINTS, ...(nats === 'self-hosted' ? NODE_ENDPOINTS : {}) })
  }

  /** The endpoints in the route tables. Their policies keep whoever breaks in from other tables, buckets and accounts. */
  private addGateways({ stage }: StageConfig): void {
    const tables = this.vpc.addGatewayEndpoint('DynamoDb', { service: GatewayVpcEndpointAwsService.DYNAMODB })
    tables.addToPolicy(
      allowed({
        actions: ['dynamodb:*'],
        resources: [tableArn(this, `${baseTable(stage)}*`)],
        conditions: ofAccount(this),
      }),
    )
    const buckets = this.vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 })
    const own = { 'aws:PrincipalAccount': this.account, 'aws:ResourceAccount': this.account }
    buckets.addToPolicy(
      // nodes fetch nats-server, and an operator inside writes backups
      allowed({ actions: ['s3:*'], resources: ['*'], conditions: { StringEquals: own } }),
    )
    // the registry signs the addresses of the layers itself, as another account
    const layers = `arn:${this.partition}:s3:::prod-${this.region}-starport-layer-bucket/*`
    buckets.addToPolicy(allowed({ actions: ['s3:GetObject'], resources: [layers] }))
  }

  private logFlows({ stage, log_retention_days, is_protected }: StageConfig): void {
    const logGroup = new LogGroup(this, 'FlowLogs', {
      logGroupName: logGroupName(stage, 'network'),
      retention: log_retention_days,
      removalPolicy: is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    this.vpc.addFlowLog('Rejected', {
      destination: FlowLogDestination.toCloudWatchLogs(logGroup),
      trafficType: FlowLogTrafficType.REJECT,
    })
  }

  private addInterfaces(
    { zones, endpoint_zones, vpc_cidr }: StageConfig,
    services: Readonly<Record<string, InterfaceVpcEndpointAwsService>>,
  ): void {
    const group = new SecurityGroup(this, 'Endpoints', {
      vpc: this.vpc,
      description: 'AWS APIs, from inside the VPC',
      allowAllOutbound: false,
    })
    group.addIngressRule(Peer.ipv4(vpc_cidr), Port.tcp(443), 'HTTPS from inside')
    for (const [name, service] of Object.entries(services)) {
      const endpoint = this.vpc.addInterfaceEndpoint(name, {
        service,
        subnets: { ...PRIVATE_SUBNETS, availabilityZones: zones.slice(0, endpoint_zones) },
        securityGroups: [group],
        open: false,
      })
      // with credentials of another account nothing can be carried out of the VPC
      endpoint.addToPolicy(allowed({ actions: ['*'], resources: ['*'], conditions: ofAccount(this) }))
    }
  }
}
