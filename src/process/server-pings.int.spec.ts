// this spec needs servers of its own, which differ in one setting
import { connect } from 'nats'
import { pino } from 'pino'
import { afterEach, expect, it } from 'vitest'
import { type ConfiguredNats, startConfiguredNats } from '../../test/support/configured-nats.js'
import { CLIENT_PINGS } from '../embedded/pings.js'
import { createHealth } from '../health.js'
import { watchPings } from './server-pings.js'

const servers: ConfiguredNats[] = []
afterEach(() => Promise.all(servers.splice(0).map(server => server.stop())))

/** The entry in health for a server with this configuration. With `ends` the server ends during the look. */
const lookAt = async (config: string, ends = false) => {
  const server = await startConfiguredNats(config)
  servers.push(server)
  const health = createHealth(() => undefined)
  const open = () => connect({ servers: server.url, reconnect: false, pingInterval: 120_000 })
  const looked = watchPings(open, pino({ level: 'silent' }), health)
  if (ends) setTimeout(() => void server.stop(), 1_000)
  await looked
  return health.read().parts['nats pings']
}

it('a server that would miss a frozen client for minutes only is told of, and one with the pings of the docs is not', async () => {
  const [own, theirs] = await Promise.all([lookAt(CLIENT_PINGS), lookAt('')])
  expect(own).toEqual({ state: 'ok', detail: '' })
  expect(theirs).toMatchObject({
    state: 'degraded',
    detail: expect.stringContaining('sends no pings within 15 s'),
  })
})

it('a server that ends amid the look is not blamed', async () => {
  expect(await lookAt('', true)).toBeUndefined()
})
