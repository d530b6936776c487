/**
 * `jetledger schema`: shows which schema of events the ledger's writers may use, and raises it.
 *
 * Readers are rolled out before writers: an instance that does not know a schema leaves its customers parked. So before it
 * is raised every instance that answers is asked for its version.
 */

import type { Command } from 'commander'
import type { NatsConnection } from 'nats'
import { projectionStatus } from '../generations/status.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { consumerName } from '../projections/target.js'
import { listInstances } from '../service/instances.js'
import { getText, putText, SCHEMA_KEY } from '../stream/config-bucket.js'
import { manager, openBucket } from '../stream/provision.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import { withNats } from './command.js'

type Options = { readonly json?: true }

const SERVICE = 'customer'
/** The first version that reads schema 2. */
const [MAJOR_MIN, MINOR_MIN] = [0, 2]
const OLD = 1

const isNewEnough = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > MAJOR_MIN || (major === MAJOR_MIN && minor >= MINOR_MIN)
}

/** The instances that cannot read the newest schema, each with its version. */
const oldInstances = async (nc: NatsConnection): Promise<string[]> => {
  const instances = await listInstances(nc, SERVICE)
  if (instances.length === 0)
    throw new Failure('no instance answers, so it is not known whether all of them are new enough')
  return instances
    .filter(({ version }) => !isNewEnough(version))
    .map(({ id, version }) => `instance ${id} has version ${version}`)
}

/** The projections whose last report is of a program that cannot read the newest schema. */
const oldProjections = async (nc: NatsConnection): Promise<string[]> => {
  const [jsm, kv] = [await orFail(manager(nc)), await orFail(openBucket(nc))]
  const old: string[] = []
  for (const name of PROJECTION_NAMES) {
    const { said } = await orFail(
      projectionStatus({ nc, jsm, kv }, name, generation => consumerName(name, generation)),
    )
    if (said !== undefined && (said.schema ?? OLD) < NEWEST_SCHEMA)
      old.push(`projection ${name} runs in ${said.instance}, which reads schema ${said.schema ?? OLD} only`)
  }
  return old
}

const show = ({ json }: Options): Promise<void> =>
  withNats(async ({ nc }) => {
    const schema = Number((await orFail(getText(await orFail(openBucket(nc)), SCHEMA_KEY))) ?? OLD)
    if (json) return printJson({ schema, newest: NEWEST_SCHEMA })
    print(`writers may use events of schema ${schema}; this program knows schema ${NEWEST_SCHEMA}`)
  })

const raise = (schema: string, { json }: Options): Promise<void> =>
  withNats(async ({ nc }) => {
    if (schema !== String(NEWEST_SCHEMA))
      throw new Failure(`schema: must be ${NEWEST_SCHEMA}; a schema is never lowered`, { exit_code: 2 })
    const old = [...(await oldInstances(nc)), ...(await oldProjections(nc))]
    if (old.length > 0)
      throw new Failure(`not raised, since older programs are at work:\n  ${old.join('\n  ')}`)
    await orFail(putText(await orFail(openBucket(nc)), SCHEMA_KEY, schema))
    if (json) return printJson({ schema: NEWEST_SCHEMA })
    print(`every instance knows schema ${schema}: writers may use it from now on`)
  })

/** Adds `schema [number]`. */
export const schemaCommand = (program: Command): void => {
  program
    .command('schema [number]')
    .description('show which schema of events may be written, or raise it once every instance knows it')
    .option('--json', 'print JSON')
    .action((number: string | undefined, options: Options) =>
      number === undefined ? show(options) : raise(number, options),
    )
}
