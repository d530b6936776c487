import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { identityOf, isAlive } from './process-identity.js'

it('a process keeps its identity and shares it with no other', () => {
  // the parent may have been started in the same tick of the clock, the first process of the machine was not
  const own = identityOf(process.pid)
  expect(own).toMatch(/^[\w-]+$/)
  expect(identityOf(process.pid)).toBe(own)
  expect(identityOf(1)).not.toBe(own)
})

it('an ended process has none', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const pid = child.pid ?? 0
  const identity = identityOf(pid) ?? 'none'
  expect(isAlive(pid, identity)).toBe(true)
  expect(isAlive(pid, `${identity}0`)).toBe(false)
  child.stdin.end()
  await once(child, 'exit')
  expect(isAlive(pid, identity)).toBe(false)
})
