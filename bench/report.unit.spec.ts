import { expect, it } from 'vitest'
import type { Run } from './measure/run.js'
import { formatSession } from './report.js'

const run: Run = {
  accepted_per_s: 12_345.6,
  requests_per_s: 12_345.6,
  requests: 37_000,
  errors: {},
  p50_ms: 1.234,
  p95_ms: 12.34,
  p99_ms: 99,
  p999_ms: 500,
  max_ms: 1_000,
  cpu: { service: 0.5 },
}

it('says what was measured, how, against what, and what was not measured', () => {
  const text = formatSession({
    title: 'sync 2m',
    settings: { clients: 2 },
    lines: [
      {
        name: 'credit',
        in_flight: 500,
        unanswered: false,
        full: run,
        half: { ...run, errors: { BUSY: 1_200 } },
        ratios: [
          { to: ['echo'], goal: 0.6, value: 0.7 },
          { to: ['raw single', 'raw batch'], goal: 0.9, value: 0.8 },
        ],
      },
      { name: 'transfer', in_flight: 500, unanswered: true, ratios: [] },
    ],
  })
  expect(text).toMatchInlineSnapshot(`
    "## sync 2m

    clients 2

                     in flight  accepted/s  p50 ms  p95 ms  p99 ms  max ms  requests  cpu service
    ---------------  ---------  ----------  ------  ------  ------  ------  --------  -----------
    credit                 500      12,346    1.23    12.3    99.0  1000.0    37,000         0.50
      at half of it      paced      12,346    1.23    12.3    99.0  1000.0    37,000         0.50

                                      ratio  goal
    --------------------------------  -----  ----  ------
    credit / echo                      0.70  0.60     met
    credit / raw single or raw batch   0.80  0.90  missed

    transfer: NOT MEASURED, nobody answers this endpoint
    errors of credit at half speed: BUSY 1,200"
  `)
})
