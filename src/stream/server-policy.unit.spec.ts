import { describe, expect, it } from 'vitest'
import { compressionStays, judgeServers } from './server-policy.js'

const facts = (
  versions: string | readonly string[],
  more: { replicas?: number; compression?: string } = {},
) => ({
  versions: typeof versions === 'string' ? [versions] : versions,
  replicas: 3,
  compression: 'none',
  ...more,
})

describe('servers that are known to lose what they acknowledged', () => {
  it.each([
    ['2.15.0', {}],
    ['v2.15.0', {}],
    ['2.15.0', { replicas: 5 }],
    ['2.15.0-RC.2', {}],
    ['2.15.1-RC.1', {}],
    ['2.15.0', { compression: 's2' }],
    ['2.15.1', { compression: 's2' }],
    ['2.15.2', { compression: 's2' }],
    ['2.15.99', { compression: 's2', replicas: 2 }],
    ['2.15.3-preview.1', { compression: 's2' }],
  ])('are refused with the way out: %s %j', (version, more) => {
    const { refusal } = judgeServers(facts(version, more))
    expect(refusal).toContain(`nats-server ${version}`)
    expect(refusal).toContain('docs/upgrade-nats.md')
  })

  it('are refused whichever of the members they are', () => {
    expect(judgeServers(facts(['2.15.1', '2.15.0', '2.15.1'])).refusal).toContain('2.15.0')
    expect(judgeServers(facts(['2.14.3', '2.15.1'], { compression: 's2' })).refusal).toContain('2.15.1')
  })

  it.each([
    ['2.15.0', { replicas: 1 }],
    ['2.15.2', { replicas: 1, compression: 's2' }],
    ['2.15.1', {}],
    ['2.15.2', {}],
    ['2.15.1+build.7', {}],
    ['2.14.0', { compression: 's2' }],
    ['2.14.3', { compression: 's2' }],
    ['2.14.3', {}],
    ['3.15.0', {}],
  ])('are not these: %s %j', (version, more) => {
    expect(judgeServers(facts(version, more)).refusal).toBeUndefined()
  })
})

describe('servers that lose something when more goes wrong', () => {
  it.each(['2.14.0', '2.14.1', '2.14.2', '2.14.3-RC.1', '2.12.8', '2.11.0', '1.4.1'])(
    'are warned of where there are several replicas: %s',
    version => {
      const { warnings } = judgeServers(facts(version))
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain('2.15.1 where it can be had, 2.14.3 is the least')
      expect(judgeServers(facts(version, { replicas: 1 })).warnings).toEqual([])
    },
  )

  it.each(['2.14.3', '2.14.7', '2.15.1', '2.15.2', '2.16.0', '3.0.0'])('are not these: %s', version => {
    expect(judgeServers(facts(version)).warnings).toEqual([])
  })

  it('are told of once each', () => {
    expect(judgeServers(facts(['2.14.0', '2.14.2', '2.14.0'])).warnings).toHaveLength(2)
  })

  it('may be later ones, of which nobody knows how they keep compressed streams', () => {
    expect(judgeServers(facts('2.16.0', { compression: 's2' })).warnings[0]).toContain('check-server')
    expect(judgeServers(facts('2.16.0', { compression: 's2', replicas: 1 })).warnings).toEqual([])
  })

  it.each(['', 'unknown', '2.15', '2.15.x', 'nightly-2.15.0', `${'9'.repeat(400)}.0.0`])(
    'cannot be told by a version that is none: %j',
    version => {
      expect(judgeServers(facts(version, { compression: 's2' }))).toEqual({ warnings: [] })
    },
  )
})

describe('a compressed stream', () => {
  it('may be told to be so no more on a single server, and on 2.14', () => {
    expect(compressionStays(facts('2.15.2', { replicas: 1, compression: 's2' }))).toBeUndefined()
    expect(compressionStays(facts(['2.14.0', '2.14.3'], { compression: 's2' }))).toBeUndefined()
  })

  it.each([[['2.15.2']], [['2.14.3', '2.15.1']], [['2.15.0-RC.1']], [['2.16.0']], [['strange']], [[]]])(
    'may not where a server is newer, or not known: %j',
    versions => {
      expect(compressionStays(facts(versions, { compression: 's2' }))).toContain('back the stream up')
    },
  )
})
