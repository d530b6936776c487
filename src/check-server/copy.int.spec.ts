// has a cluster of its own: each server's copy is read
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, it } from 'vitest'
import { startTestCluster, type TestCluster, until } from '../../test/support/servers.js'
import { readCopies } from './copy.js'
import { eventsOf } from './event.js'
import { createStream, write } from './stream.js'

let cluster: TestCluster
let nc: NatsConnection
beforeAll(async () => {
  cluster = await startTestCluster()
  nc = await connect({ servers: cluster.url.split(',') })
})
afterAll(async () => {
  await nc?.close()
  await cluster?.stop()
})

const isPull = (subject: string): boolean => subject.includes('.CONSUMER.MSG.NEXT.')

/** The connection, whose every first pull from a consumer asks where nobody is: the server knows no such consumer yet. */
const tooEarly = (): NatsConnection => {
  const asked = new Set<string>()
  const publish: NatsConnection['publish'] = (subject, ...rest) => {
    const isFirst = isPull(subject) && !asked.has(subject)
    asked.add(subject)
    nc.publish(isFirst ? 'nobody' : subject, ...rest)
  }
  return new Proxy(nc, {
    get: (target, name) => {
      if (name === 'publish') return publish
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

it('a copy is whole although the first pull comes before its server knows the consumer', async () => {
  await until(() => createStream(nc, 'none').then(() => true), { deadline_ms: 30_000, what: 'the stream' })
  const last = await until(() => write(nc, eventsOf(1, 1, 3)), { deadline_ms: 30_000, what: 'a write' })
  await until(
    async () => {
      const copies = await readCopies(tooEarly(), cluster.names)
      return copies.every(copy => typeof copy !== 'string' && copy.messages.length === last)
    },
    { deadline_ms: 30_000, what: 'three whole copies' },
  )
})
