import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Sign } from './messages.js'
import { Roster, SILENT_MS_MAX } from './roster.js'

const sign = (since: number, state: Sign['state'] = 'serving'): Sign => ({ since, tick: 7, state })

describe('the instance that decides', () => {
  it('is this one while it hears no other one', () => {
    expect(new Roster({ id: 'a', since: 5 }).decider).toBeUndefined()
  })

  it('is the one that has been there the longest, and a newer one takes nothing over', () => {
    const roster = new Roster({ id: 'm', since: 5 })
    expect(roster.hear('b', sign(6), 0)).toBe(true)
    expect(roster.decider).toBeUndefined()
    roster.hear('z', sign(4), 0)
    expect(roster.decider).toMatchObject({ id: 'z', tick: 7 })
    roster.hear('a', sign(5), 0)
    expect(roster.decider?.id).toBe('z')
    expect(roster.size).toBe(3)
    // of two that started at once the smaller id is the older one
    roster.hear('z', sign(4, 'gone'), 0)
    expect(roster.decider?.id).toBe('a')
  })

  it('is the next one at once when it leaves, and when it is silent for too long', () => {
    const roster = new Roster({ id: 'm', since: 5 })
    roster.hear('old', sign(1), 0)
    roster.hear('older', sign(0), 0)
    expect(roster.decider?.id).toBe('older')
    roster.hear('older', sign(0, 'leaving'), 0)
    expect(roster.decider?.id).toBe('old')
    expect(roster.has('older')).toBe(true)
    roster.hear('older', sign(0, 'leaving'), SILENT_MS_MAX)
    expect(roster.dropSilent(SILENT_MS_MAX + 1)).toEqual(['old'])
    expect(roster.decider).toBeUndefined()
  })

  it('is another one from the moment when this one leaves, if there is another one', () => {
    const roster = new Roster({ id: 'm', since: 5 })
    roster.hear('new', sign(9), 0)
    roster.leave()
    expect(roster.decider?.id).toBe('new')
    roster.hear('new', sign(9, 'leaving'), 0)
    expect(roster.decider).toBeUndefined()
  })

  it('stays when this process stood still and heard nothing', () => {
    const roster = new Roster({ id: 'm', since: 5 })
    roster.hear('old', sign(1), 0)
    roster.forgive(4_000)
    expect(roster.dropSilent(4_000 + SILENT_MS_MAX)).toEqual([])
    roster.hearWord('old', 6_000)
    expect(roster.dropSilent(6_000 + SILENT_MS_MAX)).toEqual([])
    expect(roster.dropSilent(6_001 + SILENT_MS_MAX)).toEqual(['old'])
  })

  it('is the same for all instances that have heard the same, and changes only when it goes', () => {
    const instance = fc.record({ id: fc.stringMatching(/^[a-z]{3}$/), since: fc.nat({ max: 3 }) })
    const instances = fc.uniqueArray(instance, { selector: ({ id }) => id, minLength: 2, maxLength: 8 })
    fc.assert(
      fc.property(instances, fc.nat(), (all, which) => {
        const rosters = all.map(own => {
          const roster = new Roster(own)
          for (const { id, since } of all) if (id !== own.id) roster.hear(id, sign(since), 0)
          return { own, roster }
        })
        const deciders = new Set(rosters.map(({ own, roster }) => roster.decider?.id ?? own.id))
        expect(deciders.size).toBe(1)
        const gone = all[which % all.length]?.id ?? ''
        for (const { roster } of rosters) roster.drop(gone)
        const rest = rosters.filter(({ own }) => own.id !== gone)
        const after = new Set(rest.map(({ own, roster }) => roster.decider?.id ?? own.id))
        expect(after.size).toBe(1)
        if (!deciders.has(gone)) expect(after).toEqual(deciders)
      }),
    )
  })

  it('notes a bounded number of instances', () => {
    const roster = new Roster({ id: 'm', since: 5 })
    for (let i = 0; i < 1_000; i += 1) roster.hear(`i${i}`, sign(i), 0)
    expect(roster.size).toBe(64)
  })
})
