import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Paper } from '../statement/paper.js'
import { createPdfThread } from './pdf-thread.js'

const PAPER: Paper = {
  head: { customer: '678', asset: undefined, scale: 2, period: '' },
  ...{ opening: 1n, closing: 2n, rows: [] },
}

/** A thread that runs `code`, which has `paper` and `answer`. */
const threadOf = (code: string) =>
  createPdfThread(
    new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { parentPort, workerData as paper } from 'node:worker_threads'
        const answer = bytes => parentPort.postMessage(bytes)
        ${code}
      `)}`,
    ),
  )
const never = new AbortController().signal

describe('the thread of a PDF', () => {
  it('gets the paper and gives the bytes', async () => {
    const makePdf = threadOf(
      'answer(Buffer.from(paper.head.customer + String(paper.closing - paper.opening)))',
    )
    expect(Buffer.from(await makePdf(PAPER, never)).toString()).toBe('6781')
  })

  it.each([
    ['fails', `throw new Error('no fonts')`, 'no fonts'],
    ['ends by itself', 'process.exit(7)', 'ended with code 7'],
    ['takes too much memory', 'const all = []; for (;;) all.push(new Array(1e6).fill({}))', 'memory limit'],
  ])('rejects when it %s', async (_, code, why) => {
    await expect(threadOf(code)(PAPER, never)).rejects.toThrow(why)
  })

  it('is ended, whatever it does, when nobody waits for it any more', async () => {
    const ending = new AbortController()
    const made = threadOf('for (;;) {}')(PAPER, ending.signal)
    ending.abort()
    await expect(made).rejects.toThrow('nobody waits')
    await expect(threadOf('answer()')(PAPER, ending.signal)).rejects.toThrow('aborted')
  })

  it('is gone with its PDF', async () => {
    const ticks = new BroadcastChannel('ticks')
    let ticked = 0
    ticks.onmessage = () => {
      ticked += 1
    }
    const code = `const ticks = new BroadcastChannel('ticks'); setInterval(() => ticks.postMessage(1), 1)`
    await threadOf(`${code}; setTimeout(answer, 50)`)(PAPER, never)
    expect(ticked).toBeGreaterThan(0)
    // what was sent before may still arrive
    await pause(20)
    const before = ticked
    await pause(50)
    ticks.close()
    expect(ticked).toBe(before)
  })
})
