/**
 * Adds the container of the program to a task. It runs as a user other than root, with a read-only root file system,
 * without capabilities, and with an init process.
 *
 * Some settings are files (a CA's certificate, the gateway's tokens), but ECS passes secrets only as variables. So
 * another container of the same image writes these files into a volume of the task and ends, before the program
 * starts. A program that writes temporary files has another volume for them.
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

/**
 * A variable that holds the path of a file, the name of the file, and the secret with its content. `field`: the content
 * is one field of the secret, which is a JSON object.
 */
export type SecretFile = {
  readonly variable: string
  readonly name: string
  readonly secret: Secret
  readonly field?: string
}

export type ContainerProps = {
  readonly repository: Repository
  readonly tag: string
  readonly log_group: ILogGroup
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, Secret>>
  readonly files: readonly SecretFile[]
  readonly has_scratch: boolean
  /** True for a service; false for a program that runs once and ends by itself. */
  readonly is_service: boolean
}

/** The image has these folders, and its user owns them. */
const FILES_FOLDER = '/run/jetledger'
const FILES_VOLUME = 'files'
const SCRATCH_FOLDER = '/run/jetledger-scratch'
const SCRATCH_VOLUME = 'scratch'
const USER = '1000:1000'
/** Longer than the program's own time limit for a stop, so that the program is never killed while it drains. */
const STOP_TIMEOUT_S = 30

/**
 * The program is not healthy also while NATS or DynamoDB is away, which a new task would not mend. So a task is
 * replaced only after a long time.
 */
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

/** Adds the container that writes the files, and returns it; undefined when there are no files. */
const addFiles = (task: FargateTaskDefinition, props: ContainerProps): ContainerDefinition | undefined => {
  if (props.files.length === 0) return undefined
  task.addVolume({ name: FILES_VOLUME })
  const container = task.addContainer('files', {
    ...base(task, 'files', props),
    essential: false,
    entryPoint: ['node', 'bin/write-files.js'],
    command: props.files.map(({ variable, name }) => `${variable}=${FILES_FOLDER}/${name}`),
    secrets: Object.fromEntries(
      props.files.map(({ variable, secret, field }) => [
        variable,
        EcsSecret.fromSecretsManager(secret as ISecret, field),
      ]),
    ),
  })
  container.addMountPoints({ sourceVolume: FILES_VOLUME, containerPath: FILES_FOLDER, readOnly: false })
  return container
}

/** Adds the container of the program, and the container that writes its files first. */
export const addProgram = (task: FargateTaskDefinition, props: ContainerProps): ContainerDefinition => {
  const files = addFiles(task, props)
  const paths = Object.fromEntries(
    props.files.map(({ variable, name }) => [variable, `${FILES_FOLDER}/${name}`]),
  )
  const program = task.addContainer('program', {
    ...base(task, 'program', props),
    command: [...props.command],
    environment: {
      AWS_REGION: Stack.of(task).region,
      ...props.environment,
      ...paths,
      ...(props.has_scratch ? { TMPDIR: SCRATCH_FOLDER } : {}),
    },
    secrets: fromSecrets(props.secrets),
    stopTimeout: Duration.seconds(STOP_TIMEOUT_S),
    ...(props.is_service ? { healthCheck: HEALTH, portMappings: [{ containerPort: HTTP_PORT }] } : {}),
  })
  if (props.has_scratch) {
    task.addVolume({ name: SCRATCH_VOLUME })
    program.addMountPoints({ sourceVolume: SCRATCH_VOLUME, containerPath: SCRATCH_FOLDER, readOnly: false })
  }
  if (files !== undefined) {
    program.addMountPoints({ sourceVolume: FILES_VOLUME, containerPath: FILES_FOLDER, readOnly: true })
    program.addContainerDependencies({ container: files, condition: ContainerDependencyCondition.SUCCESS })
  }
  return program
}
