import pino from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { createHealth } from '../health.js'
import { metrics } from '../metrics.js'
import { decodeConfig } from './config.js'
import { createProjectionsThread, type ProjectionsThread, sharesItsProcess } from './projections-thread.js'

/** A thread that answers orders with `answer`, a piece of code that has `order` and `tell`. */
const moduleOf = (answer: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads'
      const tell = notice => parentPort.postMessage(notice)
      parentPort.on('message', order => { ${answer} })
    `)}`,
  )

const environment = () => {
  const config = decodeConfig({})
  if (config._tag === 'Left') throw new Error(config.left)
  return { config: config.right }
}

const threads: ProjectionsThread[] = []
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.end()
})

const startThread = (answer: string) => {
  const health = createHealth(() => undefined)
  const log = pino({ level: 'silent' })
  const thread = createProjectionsThread({ log, health, module: moduleOf(answer) })
  threads.push(thread)
  return { health, thread }
}

describe('the thread of the projections', () => {
  it('runs beside other roles only', () => {
    const { config } = environment()
    expect(sharesItsProcess(config)).toBe(true)
    expect(sharesItsProcess({ ...config, JETLEDGER_ROLES: ['projections'] })).toBe(false)
    expect(sharesItsProcess({ ...config, JETLEDGER_ROLES: ['commands', 'queries'] })).toBe(false)
  })

  it('is a part of the health and the metrics of the process, and can be started again', async () => {
    const { health, thread } = startThread(`
      const family = { name: 'folded_total', help: 'Folded', type: 'counter', samples: [['folded_total', 3]] }
      if (order.tag === 'metrics') tell({ tag: 'metrics', families: [family] })
      if (order.tag === 'start') tell({ tag: 'health', part: 'x', entry: { state: 'degraded', detail: 'a parked customer' } })
      if (order.tag === 'stop') tell({ tag: 'stopped' })
    `)
    await thread.start(environment()).stop()
    expect(health.of('x')).toEqual({ state: 'degraded', detail: 'a parked customer' })
    expect(await metrics.text()).toContain('\nfolded_total 3\n')
    await thread.start(environment()).stop()
    await thread.end()
    expect(await metrics.text()).not.toContain('folded_total')
  })

  it('ends the process when it gives up, fails or ends by itself, and a stop then waits for nothing', async () => {
    const gaveUp = startThread(`tell({ tag: 'gave-up', part: 'nats', detail: 'closed for good' })`)
    gaveUp.thread.start(environment())
    expect(await gaveUp.health.gaveUp).toBe('closed for good')

    const failed = startThread(`throw new Error('out of memory')`)
    await failed.thread.start(environment()).stop()
    expect(await failed.health.gaveUp).toBe('the thread of the projections failed: out of memory')

    const ended = startThread('process.exit(7)')
    const part = ended.thread.start(environment())
    expect(await ended.health.gaveUp).toBe('the thread of the projections ended with code 7')
    await part.stop()
  })

  it('is ended without a complaint', async () => {
    const { health, thread } = startThread('')
    await thread.end()
    expect(health.read().parts).toEqual({})
  })
})
