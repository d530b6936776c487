/**
 * One container of the image, as every task runs it: not root, on a read-only root, without capabilities, with an init.
 *
 * Some settings are files (a CA's certificate, the gateway's tokens), and ECS gives secrets as variables only. So a
 * container of the same image writes them into a volume of the task before the program starts, and ends.
 */

import { Duration, Stack } from 'aws-cdk-lib'
import type { Repository } from 'aws-cdk-lib/aws-ecr'
import {
  Capability,
  type ContainerDefinition,
  type ContainerDefinitionOptions,
  ContainerDependencyCondition,
  ContainerImage,
  CpuArchitecture,
  Secret as EcsSecret,
  type FargateTaskDefinition,
  type HealthCheck,
  LinuxParameters,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { HTTP_PORT } from '../names.js'

export const PLATFORM = {
  cpuArchitecture: CpuArchitecture.ARM64,
  operatingSystemFamily: OperatingSystemFamily.LINUX,
}

/** A variable that names a file, and the secret that the file holds. */
export type SecretFile = { readonly variable: string; readonly name: string; readonly secret: Secret }

export type ContainerProps = {
  readonly repository: Repository
  readonly tag: string
  readonly log_group: ILogGroup
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, Secret>>
  readonly files: readonly SecretFile[]
  /** For a service; a one-off ends by itself. */
  readonly is_service: boolean
}

/** Made in the image, owned by its user. */
const FILES_FOLDER = '/run/jetledger'
const FILES_VOLUME = 'files'
const USER = '1000:1000'
/** More than the program's own bound for a stop, so that it is never killed while it drains. */
const STOP_TIMEOUT_S = 30

/** It answers 503 also while NATS or DynamoDB is away, which a new task would not mend: only a long time counts. */
const HEALTH: HealthCheck = {
  command: ['CMD', 'node', 'bin/healthcheck.js'],
  interval: Duration.seconds(30),
  timeout: Duration.seconds(5),
  retries: 10,
  startPeriod: Duration.seconds(120),
}

const linuxParameters = (scope: Construct, id: string): LinuxParameters => {
  const parameters = new LinuxParameters(scope, id, { initProcessEnabled: true })
  parameters.dropCapabilities(Capability.ALL)
  return parameters
}

const fromSecrets = (secrets: Readonly<Record<string, Secret>>): Record<string, EcsSecret> =>
  Object.fromEntries(
    Object.entries(secrets).map(([name, secret]) => [name, EcsSecret.fromSecretsManager(secret as ISecret)]),
  )

const base = (
  task: FargateTaskDefinition,
  id: string,
  { repository, tag, log_group }: ContainerProps,
): ContainerDefinitionOptions => ({
  image: ContainerImage.fromEcrRepository(repository, tag),
  logging: LogDrivers.awsLogs({ streamPrefix: id, logGroup: log_group }),
  linuxParameters: linuxParameters(task, `${id}Linux`),
  readonlyRootFilesystem: true,
  user: USER,
})

/** The container that writes the files; `undefined` when there is none to be written. */
const addFiles = (task: FargateTaskDefinition, props: ContainerProps): ContainerDefinition | undefined => {
  if (props.files.length === 0) return undefined
  task.addVolume({ name: FILES_VOLUME })
  const container = task.addContainer('files', {
    ...base(task, 'files', props),
    essential: false,
    entryPoint: ['node', 'bin/write-files.js'],
    command: props.files.map(({ variable, name }) => `${variable}=${FILES_FOLDER}/${name}`),
    secrets: fromSecrets(Object.fromEntries(props.files.map(({ variable, secret }) => [variable, secret]))),
  })
  container.addMountPoints({ sourceVolume: FILES_VOLUME, containerPath: FILES_FOLDER, readOnly: false })
  return container
}

/** Adds the program, and before it the container that writes its files. */
export const addProgram = (task: FargateTaskDefinition, props: ContainerProps): ContainerDefinition => {
  const files = addFiles(task, props)
  const paths = Object.fromEntries(
    props.files.map(({ variable, name }) => [variable, `${FILES_FOLDER}/${name}`]),
  )
  const program = task.addContainer('program', {
    ...base(task, 'program', props),
    command: [...props.command],
    environment: { AWS_REGION: Stack.of(task).region, ...props.environment, ...paths },
    secrets: fromSecrets(props.secrets),
    stopTimeout: Duration.seconds(STOP_TIMEOUT_S),
    ...(props.is_service ? { healthCheck: HEALTH, portMappings: [{ containerPort: HTTP_PORT }] } : {}),
  })
  if (files !== undefined) {
    program.addMountPoints({ sourceVolume: FILES_VOLUME, containerPath: FILES_FOLDER, readOnly: true })
    program.addContainerDependencies({ container: files, condition: ContainerDependencyCondition.SUCCESS })
  }
  return program
}
