import { expect, it } from 'vitest'
import { parseOptions } from './options.js'

const parse = (...args: readonly string[]) => parseOptions(args, ['commands', 'queries', 'ledger'])

it('a benchmark alone takes the defaults', () => {
  expect(parse('commands')).toEqual({
    benchmark: 'commands',
    seconds: 3,
    rounds: 3,
    clients: 1,
    lean: false,
    sync_intervals: ['2m', 'always'],
    replicas: 1,
    roles: 'commands',
    only: [],
    events: 1_000_000,
    customers: [1_000, 10_000],
    json: false,
    instances: 1,
    dynamodb: 'embedded',
    journal: 'every-event',
    pieces: 1,
  })
})

it('a benchmark that writes little measures one setting of the disk', () => {
  expect(parse('queries')).toMatchObject({ rounds: 3, sync_intervals: ['2m'] })
})

it('a benchmark that replays the stream has fewer events than one that reads it', () => {
  const eventsOf = (name: string) => parseOptions([name], ['rebuild', 'accounts', 'ids']).events
  expect(['rebuild', 'accounts', 'ids'].map(eventsOf)).toEqual([200_000, 200_000, 1_000_000])
})

it('the benchmarks of the whole ledger measure longer, once, with every event on disk and with lean clients', () => {
  expect(parse('ledger')).toMatchObject({ seconds: 10, rounds: 1, sync_intervals: ['always'], lean: true })
  expect(parse('ledger', '--seconds', '3600')).toMatchObject({ seconds: 3_600 })
})

it('every option is taken', () => {
  const args = '--seconds 0.5 --rounds 5 --clients 3 --sync always --roles commands,projections'
  const more = '--lean --replicas 3 --only hot --only echo --profile p --events 5000 --customers 50 --json'
  const whole = '--instances 2 --dynamodb stand-in --journal savepoints --rate 2500 --pieces 6'
  expect(parse('queries', ...`${args} ${more} ${whole}`.split(' '))).toEqual({
    benchmark: 'queries',
    seconds: 0.5,
    rounds: 5,
    clients: 3,
    lean: true,
    sync_intervals: ['always'],
    replicas: 3,
    roles: 'commands,projections',
    only: ['hot', 'echo'],
    events: 5_000,
    customers: [50],
    json: true,
    instances: 2,
    dynamodb: 'stand-in',
    journal: 'savepoints',
    rate: 2_500,
    pieces: 6,
    profile_dir: 'p',
  })
})

it.each([
  [[], 'name one benchmark of: commands, queries, ledger'],
  [['other'], 'name one benchmark'],
  [['commands', 'queries'], 'name one benchmark'],
  [['commands', '--seconds', '0'], '--seconds must be from 0.1 to 7200'],
  [['commands', '--seconds', ''], '--seconds must be'],
  [['commands', '--rounds', '1.5'], '--rounds must be a whole number'],
  [['commands', '--customers', '0'], '--customers must be from 1 to 1000000'],
  [['commands', '--customers', '10.5'], '--customers must be a whole number'],
  [['commands', '--clients', '17'], '--clients must be from 1 to 16'],
  [['commands', '--sync', 'never'], '--sync must be 2m, always or both'],
  [['commands', '--sync', 'toString'], '--sync must be 2m, always or both'],
  [['commands', '--replicas', '2'], '--replicas must be 1 or 3'],
  [['ledger', '--instances', '4'], '--instances must be 1, 2 or 3'],
  [['ledger', '--dynamodb', 'toString'], '--dynamodb must be embedded or stand-in'],
  [['ledger', '--journal', 'none'], '--journal must be every-event or savepoints'],
  [['ledger', '--rate', '0'], '--rate must be from 1 to 1000000'],
  [['ledger', '--pieces', '0'], '--pieces must be from 1 to 100'],
  [['commands', '--what'], '--what'],
])('%j is refused: %s', (args, message) => {
  expect(() => parse(...args)).toThrow(message)
})
