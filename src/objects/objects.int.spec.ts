/** Objects in a real store: read and written by the adapter, over connections that break, and refused in every way. */

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  BUCKET,
  type ObjectServer,
  objectStoreEnv,
  S3_LOGIN,
  startCuttingHop,
  startObjectStore,
} from '../../test/support/object-store.js'
import { ownPorts } from '../../test/support/ports.js'
import { Failed } from '../fp.js'
import type { ObjectError } from './errors.js'
import { type ObjectStore, openStore } from './store.js'

const MIB = 1_048_576

let server: ObjectServer
let store: ObjectStore
const at = (key: string, bucket = BUCKET) => ({ bucket, key })

beforeAll(async () => {
  Object.assign(process.env, objectStoreEnv(''))
  server = await startObjectStore()
  store = await openStore({ endpoint: server.url, region: 'eu-central-1' })
})
beforeEach(() => {
  Object.assign(process.env, S3_LOGIN)
})
afterAll(async () => {
  store?.close()
  await server?.stop()
})

const bytesOf = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const errorOf = async (work: Promise<unknown>): Promise<ObjectError> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (!(thrown instanceof Failed)) throw new Error('it did not fail as it should', { cause: thrown })
  return thrown.error as ObjectError
}

describe('an object', () => {
  it.each([
    ['empty', 0],
    ['small', 1_000],
    ['of exactly one part', 16 * MIB],
    ['of several parts', 40 * MIB + 7],
  ])('%s comes back as it was written, in chunks of any size', async (name, size) => {
    const content = randomBytes(size)
    const writer = store.writer(at(`${name}.bin`))
    for (let from = 0; from < size; from += 1_234_567)
      await writer.write(content.subarray(from, from + 1_234_567))
    // until then there is none
    expect(server.keys()).not.toContain(`${name}.bin`)
    await writer.end()
    expect(sha256(server.get(`${name}.bin`) ?? Buffer.of(1))).toBe(sha256(content))
    expect(sha256(await bytesOf(store.read(at(`${name}.bin`))))).toBe(sha256(content))
  })

  it.each(['with space & + ?#%20.csv', 'quote"\'\\back.csv', 'käse/名前.csv', '<a>;=$,:@!*().csv', "-'.csv"])(
    'has its key literally: %s',
    async key => {
      const writer = store.writer(at(key))
      await writer.write(key)
      await writer.end()
      expect(server.get(key)?.toString()).toBe(key)
      expect((await bytesOf(store.read(at(key)))).toString()).toBe(key)
    },
  )

  it('that is given up does not appear, and its parts are taken back', async () => {
    const writer = store.writer(at('given-up.bin'))
    await writer.write(Buffer.alloc(17 * MIB))
    await writer.abandon()
    expect(server.keys()).not.toContain('given-up.bin')
    const of_key = server.requests().filter(request => request.includes('given-up.bin'))
    expect(of_key[0]).toBe(`POST /${BUCKET}/given-up.bin?uploads=`)
    expect(of_key.at(-1)).toMatch(/^DELETE .*uploadId=/)
  })

  it('has a beginning, of which no more than that is read; it can be removed', async () => {
    server.put('letter.txt', 'Dear reader')
    expect((await store.beginning(at('letter.txt'), 4))?.toString()).toBe('Dear')
    server.put('empty.txt', '')
    expect(await store.beginning(at('empty.txt'), 4)).toEqual(Buffer.alloc(0))
    await store.remove(at('letter.txt'))
    expect(await store.beginning(at('letter.txt'), 4)).toBeUndefined()
    await store.remove(at('letter.txt'))
  })
})

describe('over connections that break', () => {
  const content = randomBytes(3 * MIB)

  it('reading goes on at the next byte', async () => {
    server.put('broken.bin', content)
    const hop = await startCuttingHop(server.url, [700_000, 100, 900_001])
    const through = await openStore({ endpoint: hop.url, region: 'eu-central-1' })
    try {
      expect(sha256(await bytesOf(through.read(at('broken.bin'))))).toBe(sha256(content))
      expect(hop.cuts()).toBe(3)
    } finally {
      through.close()
      await hop.stop()
    }
  })

  it('reading gives up after some of them', async () => {
    server.put('broken.bin', content)
    const hop = await startCuttingHop(server.url, Array(40).fill(100_000))
    const through = await openStore({ endpoint: hop.url, region: 'eu-central-1' })
    try {
      expect(await errorOf(bytesOf(through.read(at('broken.bin'))))).toMatchObject({ tag: 'Unavailable' })
      expect(hop.cuts()).toBe(6)
    } finally {
      through.close()
      await hop.stop()
    }
  })

  it.each([
    ['as long', randomBytes(3 * MIB)],
    ['longer', randomBytes(4 * MIB)],
    ['much shorter', randomBytes(10)],
  ])(
    'an object that is replaced meanwhile by one that is %s is an error, and never a mixture',
    async (_, other) => {
      server.put('replaced.bin', content)
      const hop = await startCuttingHop(server.url, [1_000_000], () => server.put('replaced.bin', other))
      const through = await openStore({ endpoint: hop.url, region: 'eu-central-1' })
      try {
        expect(await errorOf(bytesOf(through.read(at('replaced.bin'))))).toMatchObject({
          tag: 'Changed',
          message: `s3://${BUCKET}/replaced.bin: the object was replaced while it was read, so nothing of it counts`,
        })
      } finally {
        through.close()
        await hop.stop()
      }
    },
  )
})

describe('a refusal is one sentence', () => {
  it('without a bucket or an object', async () => {
    expect(await errorOf(bytesOf(store.read(at('nowhere.csv'))))).toMatchObject({
      tag: 'Misaddressed',
      message: `s3://${BUCKET}/nowhere.csv: there is no such object`,
    })
    const elsewhere = at('a.csv', 'no-such-bucket')
    const message = 's3://no-such-bucket/a.csv: there is no such bucket'
    expect(await errorOf(bytesOf(store.read(elsewhere)))).toMatchObject({ tag: 'Misaddressed', message })
    const writer = store.writer(elsewhere)
    await writer.write('a')
    expect(await errorOf(writer.end())).toMatchObject({ tag: 'Misaddressed', message })
  })

  it.each([
    ['AWS_SECRET_ACCESS_KEY', 'SignatureDoesNotMatch'],
    ['AWS_ACCESS_KEY_ID', 'InvalidAccessKeyId'],
  ])('with another %s', async (variable, code) => {
    process.env[variable] = 'WRONG'
    const stranger = await openStore({ endpoint: server.url, region: 'eu-central-1' })
    server.put('secret.csv', 'a')
    expect(await errorOf(bytesOf(stranger.read(at('secret.csv'))))).toMatchObject({
      tag: 'Denied',
      message: `s3://${BUCKET}/secret.csv: the store refuses the credentials (${code})`,
    })
    stranger.close()
  })

  it('without credentials, and without a region where AWS is meant', async () => {
    delete process.env.AWS_ACCESS_KEY_ID
    delete process.env.AWS_REGION
    expect(await errorOf(openStore({ endpoint: server.url }))).toMatchObject({
      tag: 'Misaddressed',
      message: expect.stringContaining('there are no credentials for the store of objects'),
    })
    expect(await errorOf(openStore({}))).toMatchObject({
      tag: 'Misaddressed',
      message: expect.stringContaining('the region of the store of objects is not known'),
    })
  })

  it('where nobody listens, within seconds', async () => {
    const [port] = await ownPorts(1)
    const nobody = await openStore({ endpoint: `http://127.0.0.1:${port}`, region: 'eu-central-1' })
    const began_ms = performance.now()
    expect(await errorOf(bytesOf(nobody.read(at('a.csv'))))).toMatchObject({
      tag: 'Unavailable',
      message: expect.stringMatching(/^s3:.*: the store of objects does not answer \(connect ECONNREFUSED/),
    })
    expect(performance.now() - began_ms).toBeLessThan(5_000)
    nobody.close()
  })

  it('where somebody listens and does not answer, within 10 s and a little', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const through = await openStore({ endpoint: `http://127.0.0.1:${port}`, region: 'eu-central-1' })
    const began_ms = performance.now()
    expect(await errorOf(bytesOf(through.read(at('a.csv'))))).toMatchObject({
      tag: 'Unavailable',
      message: `s3://${BUCKET}/a.csv: the store of objects does not answer (no answer in time)`,
    })
    expect(performance.now() - began_ms).toBeLessThan(12_000)
    through.close()
    silent.close()
  })
})
