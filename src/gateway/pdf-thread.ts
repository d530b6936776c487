/**
 * Makes a PDF in a thread of its own. A long one takes seconds of computing, and in the gateway's thread every answer would
 * wait for that. The thread is ended with its PDF, so that fonts and pages leave the memory with it.
 */

import { Worker } from 'node:worker_threads'
import type { Paper } from '../statement/paper.js'

/** Makes the PDF of a statement. It rejects when it cannot, and when `signal` says that nobody waits for it any more. */
export type MakePdf = (paper: Paper, signal: AbortSignal) => Promise<Uint8Array>

const MODULE = new URL('./pdf-worker.js', import.meta.url)
/** Several times what the longest statement takes: a mistake ends the thread and not the process. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256 } as const

/** `module` is what the thread runs; a test gives another one. */
export const createPdfThread =
  (module: URL = MODULE): MakePdf =>
  async (paper, signal) => {
    signal.throwIfAborted()
    const worker = new Worker(module, { name: 'pdf', workerData: paper, resourceLimits: RESOURCE_LIMITS })
    // only the main thread decides how long the process lives
    worker.unref()
    let onAbort = (): void => undefined
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        onAbort = () => reject(new Error('nobody waits for the PDF any more'))
        signal.addEventListener('abort', onAbort)
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', code => reject(new Error(`the thread of a PDF ended with code ${code}`)))
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
      await worker.terminate()
    }
  }
