/** `jetledger chaos` as its user runs it: a short schedule of faults, after which every promise has to hold. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorkbench, type Program, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const RUN_MS_MAX = 600_000
const SHORT_RUN_MS_MAX = 150_000
const SHIFT_CLOCK = fileURLToPath(new URL('../../dist/chaos/shift-clock.js', import.meta.url))
/** With this seed the five faults take the least time of many seeds tried. */
const SEED = '13613'
const FAULTS = ['partition-leader', 'kill-leader', 'freeze-instance', 'clock-behind', 'dynamodb-away']
/** A load that is small enough for two busy cores: the speed of the machine is not under test. */
const LOAD = ['--clients', '4', '--customers', '40', '--rate', '25', '--json']

let bench: Workbench
beforeAll(() => {
  bench = openWorkbench()
})
afterAll(() => bench.end())

type Report = {
  readonly turns: readonly { readonly fault: string; readonly problems: readonly string[] }[]
  readonly was_interrupted: boolean
  readonly check: {
    readonly is_good: boolean
    readonly events: number
    readonly checks: readonly { readonly name: string; readonly cases: number; readonly violations: number }[]
    readonly violations: readonly unknown[]
    readonly problems: readonly string[]
  }
}

const startChaos = (keep: string, ...args: readonly string[]): Program =>
  bench.start(['chaos', ...LOAD, '--keep', join(bench.folder, keep), ...args])

/** Waits for the report and exit code; a run without a report fails the test with all its output. */
const reportOf = async (program: Program, deadline_ms: number): Promise<Report & { code: number | null }> => {
  await until(() => !program.running(), { deadline_ms, what: 'the end of the chaos run' })
  const { code } = await program.end('SIGKILL')
  expect(program.stdout(), program.stderr()).toContain('"check"')
  return { ...(JSON.parse(program.stdout()) as Report), code }
}

// the two runs share nothing, and wait most of their time
it.concurrent(
  'partitions, kill -9, a zombie, a wrong clock and no DynamoDB break no promise',
  async () => {
    const program = startChaos('run', '--seed', SEED, '--duration', '130s', '--faults', FAULTS.join())
    const { code, turns, check } = await reportOf(program, RUN_MS_MAX)
    const problems = [...turns.flatMap(turn => turn.problems), ...check.problems]
    expect({ violations: check.violations, problems, code }).toEqual({
      violations: [],
      problems: [],
      code: 0,
    })
    expect(turns.map(({ fault }) => fault).toSorted()).toEqual(FAULTS.toSorted())
    // a check without any case has proved nothing
    expect(check.checks.filter(({ cases }) => cases === 0)).toEqual([])
    const kept = readdirSync(join(bench.folder, 'run'))
    expect(kept.toSorted()).toEqual([
      'history.jsonl',
      'logs',
      'observations.jsonl',
      'report.json',
      'report.txt',
      'schedule.json',
    ])
  },
  RUN_MS_MAX,
)

it.concurrent(
  'Ctrl-C ends the faults: what there is by then is healed, checked and reported',
  async () => {
    const args = ['--seed', '1', '--duration', '1h', '--faults', 'kill-instance', '--instances', '3']
    const program = startChaos('cut-short', ...args)
    await until(() => program.stderr().includes('kill-instance for'), {
      deadline_ms: SHORT_RUN_MS_MAX,
      what: 'the first fault',
    })
    process.kill(program.pid, 'SIGINT')
    const { code, was_interrupted, turns, check } = await reportOf(program, SHORT_RUN_MS_MAX)
    expect({ code, was_interrupted, turns: turns.length, is_good: check.is_good }).toEqual({
      ...{ code: 0, was_interrupted: true, turns: 1, is_good: true },
    })
    expect(check.events).toBeGreaterThan(0)
    const logs = readdirSync(join(bench.folder, 'cut-short', 'logs'))
    expect(logs).toEqual(expect.arrayContaining([1, 2, 3].map(n => `instance-${n}.log`)))
  },
  SHORT_RUN_MS_MAX,
)

it('a wrong call ends with 2 and says what is wrong', async () => {
  const fault = await bench.run(['chaos', '--faults', 'earthquake'])
  expect(fault).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no fault earthquake') })
  const other = await bench.run(['chaos', '--other', bench.folder])
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('cli/main.js') })
  const duration = await bench.run(['chaos', '--duration', '2'])
  expect(duration).toMatchObject({ code: 2, stderr: expect.stringContaining('90s, 2m or 1h') })
})

it('a clock that is shifted is wrong by so much, for dates only', () => {
  expect(existsSync(SHIFT_CLOCK)).toBe(true)
  const script = `
    const said = [Date.now(), new Date().getTime(), Date.parse(Date()), new (class extends Date {})().getTime()]
    console.log(JSON.stringify({ said, given: new Date(5).getTime(), utc: Date.UTC(1970, 0), is: new Date() instanceof Date }))`
  const shifted = `file://${SHIFT_CLOCK}?ms=-3600000`
  const run = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [...args, '--input-type=module', '-e', script], { encoding: 'utf8' })
  const before = Date.now()
  const { said, ...rest } = JSON.parse(run('--import', shifted)) as { said: readonly number[] }
  expect(rest).toEqual({ given: 5, utc: 0, is: true })
  for (const time of said) expect(Math.abs(time + 3_600_000 - before)).toBeLessThan(30_000)
})
