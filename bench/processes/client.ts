/**
 * Runs a load client in a process of its own, so that its CPU time is not part of the service's. It does one job of
 * bench/measure/job.ts at a time.
 */

import { connect, type NatsConnection } from 'nats'
import { type Answer, type Job, NO_RESPONDERS } from '../measure/job.js'
import { measure } from '../measure/pace.js'
import { isWorkName, WORKS } from '../work/index.js'
import { LEAN } from './lean.js'

/** The generator mulberry32; with the same seed every run of the benchmark makes the same requests. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const answerTo = async (nc: NatsConnection, job: Job): Promise<Answer> => {
  if (!isWorkName(job.work)) return { tag: 'failed', message: `there is no work "${job.work}"` }
  const operation = WORKS[job.work](nc, randomFrom(job.seed), dynamodb_endpoint)
  const first = await operation()
  if (first.errors?.[NO_RESPONDERS] !== undefined) return { tag: 'unanswered' }
  return { tag: 'measured', measured: await measure(operation, job) }
}

const tell = (answer: Answer): void => {
  process.send?.(answer)
}

// the parent process is gone, so no process waits for the answer
process.on('disconnect', () => process.exit(0))

const [, , nats_url = '', dynamodb_endpoint = '', lean] = process.argv
const nc = await connect({
  servers: nats_url.split(','),
  name: 'jetledger-bench',
  reconnect: false,
  // by default the client takes a stack trace for each request, which costs more than the rest of the request
  noAsyncTraces: lean === LEAN,
})
// without a server every request fails at once, and a job would only count failures
void nc.closed().then(() => process.exit(1))
process.on('message', (job: Job) => {
  answerTo(nc, job).then(tell, error => tell({ tag: 'failed', message: String(error) }))
})
tell({ tag: 'ready' })
