import { describe, expect, it } from 'vitest'
import { createMetrics } from './metrics.js'

describe('the metrics', () => {
  it('count by labels, in the text format of Prometheus', async () => {
    const metrics = createMetrics()
    const requests = metrics.counter('requests_total', 'Requests')
    requests.inc({ code: 'BUSY', route: '/a"b\\c\nd' })
    requests.inc({ code: 'BUSY', route: '/a"b\\c\nd' }, 2)
    requests.inc()
    expect(await metrics.text()).toBe(
      [
        '# HELP requests_total Requests',
        '# TYPE requests_total counter',
        'requests_total{code="BUSY",route="/a\\"b\\\\c\\nd"} 3',
        'requests_total 1',
        '',
      ].join('\n'),
    )
  })

  it('put observations into cumulative buckets', async () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram('seconds', 'Time', [0.1, 1])
    for (const value of [0.1, 0.5, 7]) seconds.observe(value, { route: 'x' })
    expect((await metrics.text()).split('\n').slice(2, -1)).toEqual([
      'seconds_bucket{route="x",le="0.1"} 1',
      'seconds_bucket{route="x",le="1"} 2',
      'seconds_bucket{route="x",le="+Inf"} 3',
      'seconds_sum{route="x"} 7.6',
      'seconds_count{route="x"} 3',
    ])
  })

  it('add up what several parts of the process track, until they end', async () => {
    const metrics = createMetrics()
    const queue = metrics.gauge('queue', 'Waiting')
    const end = queue.track(() => 2)
    queue.track(() => 3)
    expect(await metrics.text()).toContain('\nqueue 5\n')
    end()
    expect(await metrics.text()).toContain('\nqueue 3\n')
  })

  it('give the same metric for the same name, and refuse another kind of it', async () => {
    const metrics = createMetrics()
    metrics.counter('a', 'A').inc()
    metrics.counter('a', 'A').inc()
    expect(await metrics.text()).toContain('\na 2\n')
    expect(() => metrics.gauge('a', 'A')).toThrow('a is a counter already')
  })

  it('ask collectors first, and go on without one that fails', async () => {
    const metrics = createMetrics()
    const lag = metrics.gauge('lag', 'Behind')
    metrics.onCollect(() => {
      throw new Error('away')
    })
    metrics.onCollect(async () => lag.set(7, { projection: 'balances' }))
    expect(await metrics.text()).toContain('lag{projection="balances"} 7')
  })

  it('keep a limit on the series of one metric', async () => {
    const metrics = createMetrics()
    const counter = metrics.counter('ids_total', 'A mistake')
    for (let i = 0; i < 1_500; i += 1) counter.inc({ id: String(i) })
    expect((await metrics.text()).split('\n').filter(text => text.startsWith('ids_total{'))).toHaveLength(
      1_000,
    )
  })

  it('include the metrics of another thread, and add up the series that both have', async () => {
    const own = createMetrics()
    const other = createMetrics()
    own.counter('faults_total', 'Faults').inc({ part: 'nats' })
    other.counter('faults_total', 'Faults').inc({ part: 'nats' }, 2)
    other.counter('letters_total', 'Letters').inc({ reason: 'MALFORMED' }, 4)
    const end = own.include(async () => structuredClone(await other.families()))
    expect((await own.text()).split('\n')).toEqual([
      '# HELP faults_total Faults',
      '# TYPE faults_total counter',
      'faults_total{part="nats"} 3',
      '# HELP letters_total Letters',
      '# TYPE letters_total counter',
      'letters_total{reason="MALFORMED"} 4',
      '',
    ])
    end()
    own.include(() => Promise.reject(new Error('gone')))
    expect(await own.text()).toContain('faults_total{part="nats"} 1')
  })
})
