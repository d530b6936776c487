/**
 * Runs a load client in a process of its own, so that its CPU time is not part of the service's. It does one job of
 * bench/measure/job.ts at a time.
 */

import { connect, type NatsConnection } from 'nats'
import { randomFrom } from '../../src/random.js'
import { type ClientMessage, type Job, NO_RESPONDERS, type Operation, type Result } from '../measure/job.js'
import { measure } from '../measure/pace.js'
import { addErrors } from '../measure/run.js'
import { chooseAmong } from '../work/customers.js'
import { DIRECT_WORKS, isDirectWork, isWorkName, WORKS } from '../work/index.js'
import type { Targets } from './targets.js'

const connectTo = async ({ nats_url, lean }: Targets): Promise<NatsConnection | undefined> => {
  if (nats_url === undefined) return undefined
  const nc = await connect({
    servers: nats_url.split(','),
    name: 'jetledger-bench',
    reconnect: false,
    // by default the client takes a stack trace for each request, which costs more than the rest of the request
    noAsyncTraces: lean,
  })
  // when the server is gone every request fails at once, so a job would count nothing but failures
  void nc.closed().then(() => process.exit(1))
  return nc
}

const operationOf = (nc: NatsConnection | undefined, job: Job): Operation | undefined => {
  // with the same seed every run of the benchmark makes the same requests
  const random = randomFrom(job.seed)
  if (isDirectWork(job.work)) return DIRECT_WORKS[job.work](random, targets)
  return nc !== undefined && isWorkName(job.work)
    ? WORKS[job.work](nc, random, targets.dynamodb_endpoint ?? '')
    : undefined
}

/** Adds up the results of all calls of `operation`, also of those before and after the measured time. */
const countAll = (operation: Operation): { counted: Operation; in_all: () => Result } => {
  let accepted = 0
  let errors: Readonly<Record<string, number>> = {}
  return {
    counted: async () => {
      const result = await operation()
      accepted += result.accepted
      if (result.errors !== undefined) errors = addErrors([errors, result.errors])
      return result
    },
    in_all: () => ({ accepted, errors }),
  }
}

const answerTo = async (nc: NatsConnection | undefined, job: Job): Promise<ClientMessage> => {
  const operation = operationOf(nc, job)
  if (operation === undefined) return { tag: 'failed', message: `there is no work "${job.work}"` }
  const { counted, in_all } = countAll(operation)
  const first = await counted()
  if (first.errors?.[NO_RESPONDERS] !== undefined) return { tag: 'unanswered' }
  const measured = await measure(counted, job)
  return { tag: 'measured', measured: { ...measured, in_all: in_all() } }
}

const tell = (answer: ClientMessage): void => {
  process.send?.(answer)
}

// the parent process is gone, so no process waits for the answer
process.on('disconnect', () => process.exit(0))

const targets = JSON.parse(process.argv[2] ?? '') as Targets
if (targets.customers !== undefined) chooseAmong(targets.customers)
const nc = await connectTo(targets)
process.on('message', (job: Job) => {
  answerTo(nc, job).then(tell, error => tell({ tag: 'failed', message: String(error) }))
})
tell({ tag: 'ready' })
