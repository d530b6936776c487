/** Controls a load client from bench/main.ts: gives it jobs and waits for the measurements. */

import type { ClientMessage, Job, Measured } from '../measure/job.js'
import { type Child, startChild } from './child.js'
import type { Targets } from './targets.js'

export type LoadClient = {
  readonly pid: number
  /** Runs a job; 'unanswered' when the subject has no subscriber. Rejects when the client fails or answers too late. */
  readonly run: (job: Job) => Promise<Measured | 'unanswered'>
  readonly stop: () => Promise<void>
}

const READY_MS_MAX = 20_000
/** Extra time for the requests in flight at the end of a job, and for a late schedule that catches up. */
const ANSWER_MS_MAX = 40_000

/** Waits for the next message of the process. Rejects when the process ends or sends none within `timeout_ms`. */
const nextAnswer = async ({ process, ended }: Child, timeout_ms: number): Promise<ClientMessage> => {
  let timer: NodeJS.Timeout | undefined
  let listener: ((answer: ClientMessage) => void) | undefined
  try {
    return await new Promise<ClientMessage>((resolve, reject) => {
      listener = resolve
      process.once('message', listener)
      void ended.then(how => reject(new Error(`a process of the benchmark ${how}`)))
      timer = setTimeout(() => {
        reject(new Error(`a process of the benchmark did not answer within ${timeout_ms} ms`))
      }, timeout_ms)
    })
  } finally {
    clearTimeout(timer)
    if (listener !== undefined) process.off('message', listener)
  }
}

/** Starts a process and waits for its message 'ready', which it sends when it is connected. */
export const startReady = async (module: string, args: readonly string[]): Promise<Child> => {
  const child = startChild(module, { args })
  try {
    await nextAnswer(child, READY_MS_MAX)
    return child
  } catch (error) {
    await child.stop()
    throw error
  }
}

export const startLoadClient = async (targets: Targets): Promise<LoadClient> => {
  const child = await startReady('client', [JSON.stringify(targets)])
  return {
    pid: child.pid,
    stop: child.stop,
    run: async job => {
      const answer = nextAnswer(child, job.warm_up_ms + job.measure_ms + ANSWER_MS_MAX)
      child.process.send(job)
      const reply = await answer
      if (reply.tag === 'measured') return reply.measured
      if (reply.tag === 'unanswered') return reply.tag
      throw new Error(`a load client failed: ${reply.tag === 'failed' ? reply.message : reply.tag}`)
    },
  }
}
