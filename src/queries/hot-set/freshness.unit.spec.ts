import { describe, expect, it } from 'vitest'
import { createFreshness } from './freshness.js'

const AGE_MS_MAX = 2_000
const BEHIND_MS_MAX = 500

const world = () => {
  let now_ms = 1_000
  const bounds = { age_ms_max: AGE_MS_MAX, behind_ms_max: BEHIND_MS_MAX }
  const freshness = createFreshness(bounds, () => now_ms)
  return {
    ...freshness,
    now_ms: () => now_ms,
    pass: (ms: number) => {
      now_ms += ms
    },
    /** A proof that was asked for at this moment. */
    prove: (seq: number, position: number) => freshness.proved(seq, now_ms, position),
  }
}

describe('freshness', () => {
  it('is not known before something was proved', () => {
    const { isFresh, isProved, age_ms, prove } = world()
    expect([isFresh(), isProved(), age_ms(1e9)]).toEqual([false, false, Number.POSITIVE_INFINITY])
    prove(10, 10)
    expect([isFresh(), isProved(), age_ms(10)]).toEqual([true, true, 0])
  })

  it('lasts for two seconds after the question, whatever became of the timer that asks', () => {
    const { isFresh, isProved, age_ms, prove, pass } = world()
    prove(10, 10)
    pass(AGE_MS_MAX)
    expect([isFresh(), isProved()]).toEqual([true, true])
    pass(1)
    expect([isFresh(), isProved(), age_ms(10)]).toEqual([false, false, AGE_MS_MAX + 1])
    prove(10, 10)
    expect(isFresh()).toBe(true)
  })

  it('counts from the question and not from the answer, which may have waited while the process was stopped', () => {
    const { isFresh, age_ms, proved, pass, now_ms } = world()
    const asked_ms = now_ms()
    pass(30_000)
    proved(10, asked_ms, 10)
    expect([isFresh(), age_ms(10)]).toEqual([false, 30_000])
  })

  it('of a stream that is shorter after a restart is not held up by what was proved of the longer one', () => {
    const { isFresh, prove, pass, restarted } = world()
    prove(9, 9)
    prove(12, 9)
    restarted(3)
    prove(3, 3)
    pass(BEHIND_MS_MAX + 1)
    expect(isFresh()).toBe(true)
  })

  it('ends when something is overdue that was proved to be stored', () => {
    const { isFresh, isProved, age_ms, prove, pass, reached } = world()
    prove(9, 9)
    prove(10, 9)
    pass(BEHIND_MS_MAX)
    expect(isFresh()).toBe(true)
    pass(1)
    expect([isFresh(), isProved()]).toEqual([false, true])
    reached(9)
    expect(isFresh()).toBe(false)
    reached(10)
    expect([isFresh(), age_ms(10), age_ms(9)]).toEqual([true, BEHIND_MS_MAX + 1, Number.POSITIVE_INFINITY])
  })

  it('counts from the oldest thing that is overdue, however often more is proved', () => {
    const { isFresh, prove, pass } = world()
    prove(9, 9)
    prove(10, 9)
    for (let i = 0; i < 10; i += 1) {
      pass(100)
      prove(20 + i, 9)
    }
    expect(isFresh()).toBe(false)
  })

  it('takes each proof for what is as far, so that what was read further on is younger than the memory', () => {
    const { age_ms, prove, pass, reached } = world()
    prove(10, 10)
    pass(300)
    prove(20, 10)
    pass(200)
    prove(30, 10)
    pass(50)
    expect([age_ms(10), age_ms(19), age_ms(20), age_ms(30)]).toEqual([550, 550, 250, 50])
    reached(25)
    expect([age_ms(25), age_ms(30)]).toEqual([250, 50])
    reached(30)
    expect(age_ms(30)).toBe(50)
  })

  it('is lost when the follower begins anew in a shorter stream', () => {
    const { isFresh, age_ms, prove, restarted } = world()
    prove(10, 10)
    restarted(3)
    expect([isFresh(), age_ms(3)]).toEqual([false, Number.POSITIVE_INFINITY])
    prove(4, 3)
    restarted(4)
    expect([isFresh(), age_ms(4)]).toEqual([true, 0])
  })

  it('does not go back by a proof that comes late', () => {
    const { age_ms, prove, proved, pass, now_ms } = world()
    const asked_ms = now_ms()
    pass(100)
    prove(11, 11)
    proved(10, asked_ms, 11)
    expect(age_ms(11)).toBe(0)
  })
})
