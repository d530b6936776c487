import { describe, expect, it } from 'vitest'
import { configProblems } from './config.js'
import { endpointConfig, serviceConfig } from './testing/harness.js'

describe('the check of a service configuration', () => {
  it('finds nothing wrong with a good one', () => {
    expect(configProblems(serviceConfig())).toEqual([])
  })

  it.each(['', 'a b', 'a.b', 'ä', 'a>'])('refuses the service name %j', name => {
    expect(configProblems(serviceConfig({}, { name }))).toEqual([
      `the name ${JSON.stringify(name)} may hold letters, digits, "-" and "_" only`,
    ])
  })

  it.each(['', '1', '1.0', 'v1.0.0', '1.0.0.0', '01.0.0'])('refuses %j as SemVer', version => {
    expect(configProblems(serviceConfig({}, { version }))).toEqual([
      `the version ${JSON.stringify(version)} is not SemVer`,
    ])
  })

  it.each(['0.0.1', '1.2.3-rc.1+build.5'])('accepts %j as SemVer', version => {
    expect(configProblems(serviceConfig({}, { version }))).toEqual([])
  })

  it.each(['', ' ', 'a b', 'a..b', '.a', 'a.', 'a.>.b', 'a*', 'a\r\nb', '$SRV.PING'])(
    'refuses to serve the subject %j',
    subject => {
      expect(configProblems(serviceConfig({ subject }))).toEqual([
        `endpoint "echo": ${JSON.stringify(subject)} is no subject to serve`,
      ])
    },
  )

  it.each(['a', 'a.b', 'a.*.c', 'a.>', '>'])('serves the subject %j', subject => {
    expect(configProblems(serviceConfig({ subject }))).toEqual([])
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %j as a limit and as a timeout', n => {
    expect(
      configProblems(serviceConfig({ max_in_flight: n, timeout_ms: n }, { drain_timeout_ms: n })),
    ).toHaveLength(3)
  })

  it('refuses two endpoints on one subject, since each request would reach only one of them', () => {
    const endpoints = [endpointConfig({ name: 'one' }), endpointConfig({ name: 'two' })]
    expect(configProblems(serviceConfig({}, { endpoints }))).toEqual(['two endpoints serve customer.echo'])
  })

  it('reports all problems at once', () => {
    expect(
      configProblems(serviceConfig({ name: '?', queue_group: 'a b' }, { name: '', version: '' })),
    ).toHaveLength(4)
  })
})
