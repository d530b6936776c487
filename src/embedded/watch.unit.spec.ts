import { pino } from 'pino'
import { expect, it } from 'vitest'
import { until } from '../../test/support/servers.js'
import type { Child, Exit } from './child.js'
import { watch } from './watch.js'

const log = pino({ level: 'silent' })

type Fake = Child & { die(): void; stopped: boolean }

const fake = (pid: number): Fake => {
  let end: (exit: Exit) => void = () => {}
  const exited = new Promise<Exit>(resolve => {
    end = resolve
  })
  const child: Fake = {
    pid,
    exited,
    stopped: false,
    die: () => end({ code: 1, signal: null }),
    stop: async () => {
      child.stopped = true
      child.die()
    },
  }
  return child
}

it('a server that ends is started again, until it is stopped', async () => {
  const children: Fake[] = []
  const start = async () => {
    const child = fake(children.length + 1)
    children.push(child)
    return child
  }
  const watched = await watch({ name: 'x', start, log, on_gave_up: () => {} })
  children[0]?.die()
  await until(() => watched.pid === 2, { deadline_ms: 8_000, what: 'the second process' })
  await watched.stop()
  expect(children).toHaveLength(2)
  expect(children[1]?.stopped).toBe(true)
})

it('a server that ends again and again is given up, once and with its last error', async () => {
  let starts = 0
  const given_up: [string, Error][] = []
  const start = async () => {
    starts += 1
    if (starts > 1) throw new Error(`start ${starts} failed`)
    const child = fake(1)
    child.die()
    return child
  }
  const on_gave_up = (name: string, cause: Error) => given_up.push([name, cause])
  const watched = await watch({ name: 'x', start, log, on_gave_up, restarts_max: 3 })
  await until(() => given_up.length > 0, { deadline_ms: 8_000, what: 'giving up' })
  expect(starts).toBe(4)
  expect(given_up).toEqual([['x', new Error('x ended 3 times within 60 s.')]])
  expect(given_up[0]?.[1].cause).toEqual(new Error('start 4 failed'))
  await watched.stop()
})

it('a first start that fails is the failure of the caller', async () => {
  const start = async () => {
    throw new Error('no')
  }
  await expect(watch({ name: 'x', start, log, on_gave_up: () => {} })).rejects.toThrow('no')
})

it('a stop during a restart leaves nothing running', async () => {
  const children = [fake(1), fake(2)]
  let let_start: () => void = () => {}
  const gate = new Promise<void>(resolve => {
    let_start = resolve
  })
  let starts = 0
  const start = async () => {
    starts += 1
    if (starts === 2) await gate
    const child = children[starts - 1]
    if (child === undefined) throw new Error('started too often')
    return child
  }
  const watched = await watch({ name: 'x', start, log, on_gave_up: () => {} })
  children[0]?.die()
  await until(() => starts === 2, { deadline_ms: 8_000, what: 'the restart' })
  const stopped = watched.stop()
  let_start()
  await stopped
  expect(children[1]?.stopped).toBe(true)
})
