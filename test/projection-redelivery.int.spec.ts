// has servers of its own: acknowledgements are withheld from the whole stream
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { PROJECTIONS } from '../src/projections/definitions/ledger.js'
import { type Projector, startProjector } from '../src/projections/runner.js'
import { unpin } from '../src/stream/consumer.js'
import { manager, provision } from '../src/stream/provision.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { expectLetters } from './support/checks.js'
import { foldEvents, readEvents } from './support/independent-fold.js'
import { right, startTestLedger, type TestLedger } from './support/ledger.js'
import { startSteadyLoad } from './support/steady-load.js'
import { expectVerified } from './support/verified.js'
import { type Withholding, withholdAcks } from './support/withheld-acks.js'

/** Longer than the server waits for an acknowledgement. */
const WITHHELD_MS = 6_000
const ROUNDS = 2
/** The number of times that another instance becomes the active one meanwhile, and begins with new messages. */
const TURNS = 5

let ledger: TestLedger
let connections: NatsConnection[]
let projectors: Projector[]

beforeEach(async () => {
  ledger = await startTestLedger()
  connections = []
  projectors = []
})

afterEach(async () => {
  await Promise.all(projectors.map(projector => projector.stop()))
  await Promise.all(connections.map(nc => nc.close()))
  await ledger.stop()
})

/** Starts an instance with the projection; the result can withhold its acknowledgements. */
const startInstance = async (): Promise<Withholding> => {
  const nc = await connect({ servers: ledger.servers.nats.url })
  connections.push(nc)
  const withholding = withholdAcks(nc)
  const deps = {
    ...ledger,
    nc,
    jsm: await right(manager(nc)),
    kv: await right(provision(nc, { replicas: 1 })),
  }
  projectors.push(startProjector(deps, PROJECTIONS.ledger))
  return withholding
}

const changeOver = async (): Promise<void> => {
  await unpin(ledger.jsm, 'ledger')()
}

/** The number of messages that the consumer delivered beyond the number in the stream. */
const deliveredAgain = async (): Promise<number> => {
  const { delivered } = await ledger.jsm.consumers.info(LEDGER_STREAM, 'ledger')
  return delivered.consumer_seq - delivered.stream_seq
}

it('acknowledgements are withheld again and again: what comes a second time, and out of order, counts once', async () => {
  const instances = [await startInstance(), await startInstance()]
  const load = startSteadyLoad(ledger.nc, { events_per_s: 500, customers: 40, name: 'again' })
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const { withhold } of instances) withhold(true)
    for (let turn = 1; turn <= TURNS; turn += 1) {
      await pause(WITHHELD_MS / TURNS)
      await changeOver()
    }
    for (const { withhold } of instances) withhold(false)
    await pause(500)
  }
  await load.stop()
  await expectVerified(ledger)
  await expectLetters(ledger.nc, foldEvents(await readEvents(ledger.nc)))
  expect(instances.reduce((sum, { withheld }) => sum + withheld(), 0)).toBeGreaterThan(0)
  expect(await deliveredAgain()).toBeGreaterThan(100)
  expect(ledger.health.read().state).toBe('ok')
})
