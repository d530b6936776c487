import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { isObjectUrl, objectAddress, objectUrl, readObjectUrl } from './address.js'

describe('the address of an object', () => {
  it.each([
    ['s3://incoming/payments.csv', 'incoming', 'payments.csv'],
    ['s3://a.b-c.9/2026/11/p.csv', 'a.b-c.9', '2026/11/p.csv'],
    // a key is literal: nothing in it is a query, a fragment or an encoding
    ['s3://incoming/a b?x=1#y%20&+"\'\\<ä>.csv', 'incoming', 'a b?x=1#y%20&+"\'\\<ä>.csv'],
    ['s3://incoming//-.csv', 'incoming', '/-.csv'],
    [`s3://incoming/${'ä'.repeat(512)}`, 'incoming', 'ä'.repeat(512)],
  ])('is read from %s', (url, bucket, key) => {
    expect(isObjectUrl(url)).toBe(true)
    expect(readObjectUrl(url)).toEqual(E.right({ bucket, key }))
    expect(objectUrl({ bucket, key })).toBe(url)
  })

  it.each([
    ['s3://', 'the name of a bucket'],
    ['s3:///payments.csv', 'the name of a bucket'],
    ['s3://In/payments.csv', 'the name of a bucket'],
    ['s3://in..coming/payments.csv', 'the name of a bucket'],
    ['s3://user@incoming/payments.csv', 'the name of a bucket'],
    [`s3://${'b'.repeat(64)}/payments.csv`, 'the name of a bucket'],
    ['s3://incoming', 'the key of the object is missing'],
    ['s3://incoming/', 'the key of the object is missing'],
    ['s3://incoming/folder/', 'ends with "/"'],
    [`s3://incoming/${'ä'.repeat(512)}b`, 'at most 1024 bytes'],
    ['s3://incoming/\ud800', 'UTF-8'],
  ])('%s is none', (url, reason) => {
    expect(readObjectUrl(url)).toEqual(E.left(expect.stringContaining(reason)))
  })

  it('has no scheme where bucket and key are given by themselves', () => {
    expect(objectAddress('incoming', 's3://x')).toEqual(E.right({ bucket: 'incoming', key: 's3://x' }))
    expect(isObjectUrl('./s3/payments.csv')).toBe(false)
  })
})
