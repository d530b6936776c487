import { describe, expect, it } from 'vitest'
import { createInbox } from './inbox.js'

const inboxOf = (items_max: number, bytes_max = 1_000) =>
  createInbox<number>({ items_max, bytes_max, bytesOf: n => n })

describe('the inbox', () => {
  it('gives what came, in order, in pieces of at most so many', async () => {
    const inbox = inboxOf(10)
    for (const n of [1, 2, 3]) inbox.put(n)
    expect(await inbox.take(2)).toEqual([1, 2])
    expect(await inbox.take(2)).toEqual([3])
  })

  it('waits for the first item', async () => {
    const inbox = inboxOf(10)
    const taken = inbox.take(5)
    inbox.put(7)
    expect(await taken).toEqual([7])
  })

  it('leaves out what is beyond its limit', async () => {
    const inbox = inboxOf(2)
    for (const n of [1, 2, 3]) inbox.put(n)
    expect(await inbox.take(5)).toEqual([1, 2])
  })

  it('leaves out what is beyond its bytes, until some were taken', async () => {
    const inbox = inboxOf(10, 6)
    for (const n of [1, 2, 4, 3]) inbox.put(n)
    expect(inbox.size()).toBe(3)
    expect(await inbox.take(2)).toEqual([1, 2])
    for (const n of [4, 3]) inbox.put(n)
    expect(await inbox.take(9)).toEqual([3, 3])
  })

  it('ends a take that waits, with nothing or with the error', async () => {
    const closed = inboxOf(2)
    const waiting = closed.take(1)
    closed.close()
    expect(await waiting).toEqual([])
    const failed = inboxOf(2)
    failed.close(new Error('gone'))
    await expect(failed.take(1)).rejects.toThrow('gone')
  })

  it('tells when so many wait, when nobody waits for that any more, and when it is closed', async () => {
    const inbox = inboxOf(10)
    const ending = new AbortController()
    const reached = inbox.reaches(2, ending.signal)
    for (const n of [1, 2]) inbox.put(n)
    expect(await reached).toBe(true)
    expect(await inbox.reaches(2, ending.signal)).toBe(true)
    const ended = inbox.reaches(3, ending.signal)
    ending.abort()
    expect(await ended).toBe(false)
    const open = new AbortController()
    const closed = inbox.reaches(3, open.signal)
    inbox.close()
    expect([await closed, await inbox.reaches(1, open.signal)]).toEqual([false, false])
  })
})
