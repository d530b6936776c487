import { nkeys } from 'nats'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { decodeHead, encodeHead, type Head, idOf, newLine, nextHead, readSignedHead, textOf } from './head.js'
import { holeAt, leafOf } from './leaf.js'
import { isPublicNkey, isSigned, newSeed, signerOf } from './nkey.js'

const signerFrom = (seed: string) => {
  const signer = signerOf(seed)
  if (E.isLeft(signer)) throw new Error(signer.left)
  return signer.right
}

const signer = signerFrom(newSeed())
const leaves = Array.from({ length: 5 }, (_, i) => leafOf(holeAt(i + 1)))
const AT = new Date('2026-11-27T04:00:00.250Z')

const first = () => nextHead(signer, undefined, leaves.slice(0, 3), AT)
const decoded = (head: Head): Head => {
  const read = decodeHead(Buffer.from(encodeHead(head)))
  if (E.isLeft(read)) throw new Error(read.left)
  return read.right
}
const refusal = (head: Head): string =>
  E.match(
    why => String(why),
    () => 'accepted',
  )(decodeHead(Buffer.from(encodeHead(head))))

describe('a key', () => {
  it('is an nkey: seeds, public keys and signatures are those of the NATS client', async () => {
    for (const pair of [nkeys.createUser(), nkeys.createAccount(), nkeys.createOperator()]) {
      const seed = new TextDecoder().decode(pair.getSeed())
      const own = signerFrom(`${seed}\n`)
      expect(own.key).toBe(pair.getPublicKey())
      expect(pair.verify(Buffer.from('text'), await own.sign('text'))).toBe(true)
      expect(isSigned(pair.getPublicKey(), 'text', pair.sign(Buffer.from('text')))).toBe(true)
      expect(isSigned(pair.getPublicKey(), 'texts', pair.sign(Buffer.from('text')))).toBe(false)
    }
    const made = newSeed()
    expect(nkeys.fromSeed(Buffer.from(made)).getPublicKey()).toBe(signerFrom(made).key)
  })

  it('is refused without showing the seed when a character is wrong, or when it is no seed', () => {
    const seed = newSeed()
    const wrong = [
      seed.slice(0, -1),
      `${seed.slice(0, 20)}${seed[20] === 'A' ? 'B' : 'A'}${seed.slice(21)}`,
      '',
      signer.key,
    ]
    for (const text of wrong)
      expect(signerOf(text)).toEqual(E.left(expect.stringContaining('no seed of an nkey')))
    expect(isPublicNkey(seed)).toBe(false)
    expect(isPublicNkey(signer.key)).toBe(true)
  })
})

describe('a signed head', () => {
  it('comes back from its message, and goes on from there as if it had never been away', async () => {
    const head = decoded(await first())
    expect(head).toEqual(await first())
    const next = await nextHead(signer, head, leaves.slice(3), AT)
    const at_once = await nextHead(signer, undefined, leaves, AT)
    expect(next.head.root).toBe(at_once.head.root)
    expect(next.head).toMatchObject({ line: 1, size: 5, previous: idOf(head.head), at: AT.toISOString() })
  })

  it('signs this text', async () => {
    const { head } = await newLine(signer, await first(), 'restored\nfrom a backup', AT)
    expect(textOf(head).split('\n')).toEqual([
      'jetledger signed head 1',
      'line 2',
      'size 0',
      'root e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'at 2026-11-27T04:00:00.250Z',
      `previous ${idOf((await first()).head)}`,
      'reason "restored\\nfrom a backup"',
      `key ${signer.key}`,
      '',
    ])
  })

  it('is no genuine head once any signed field is another one', async () => {
    const { head, tree, leaves: kept } = await first()
    const changes = [
      { line: 2 },
      { size: 2 },
      { root: head.root.replace(/^./, digit => (digit === '0' ? '1' : '0')) },
      { at: '2026-11-27T04:00:00.251Z' },
      { previous: idOf(head) },
      { reason: 'none' },
      { key: signerFrom(newSeed()).key },
    ]
    for (const change of changes)
      expect(refusal({ head: { ...head, ...change }, tree, leaves: kept })).toContain('its signature')
    expect(readSignedHead({ ...head, at: 'yesterday' })).toEqual(E.left('a field has another form'))
  })

  it('is no genuine head with peaks that do not give its root, or with more leaves than it has', async () => {
    const head = await first()
    const other = await nextHead(signer, undefined, leaves.slice(1, 4), AT)
    expect(refusal({ ...head, tree: other.tree })).toContain('its peaks')
    expect(refusal({ ...head, leaves })).toContain('its leaves')
    expect(readSignedHead(head.head)).toEqual(E.right(head.head))
  })
})
