/** A thread that makes one PDF, as `pdf-thread.ts` starts it. */

import { parentPort, workerData } from 'node:worker_threads'
import { bytesOfPaper, type Paper } from '../statement/paper.js'

if (parentPort === null) throw new Error('this module runs as a thread of a process')
const paper: Paper = workerData
parentPort.postMessage(await bytesOfPaper(paper))
