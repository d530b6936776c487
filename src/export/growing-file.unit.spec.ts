/** A file of an export that was killed is gone on with, and one that it cannot be is left alone. */

import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { openGrowing } from './growing-file.js'

let path: string
let folder: string
beforeEach(() => {
  folder = newFolder()
  path = join(folder, 'events.csv')
})
afterEach(() => removeFolder(folder))

const open = (from_seq?: number, form = 'csv') => openGrowing(path, { form, header: 'seq\n', from_seq })

const text = (): string => readFileSync(path, 'utf8')

const writeTwo = async (): Promise<void> => {
  const file = await open()
  await file.add('1\n2\n', { last_seq: 2, last_row: '{"seq":2}' })
  await file.close()
}

describe('a file of events', () => {
  it('is gone on with where its note says that it is whole', async () => {
    await writeTwo()
    // a killed process leaves bytes of which no note speaks
    appendFileSync(path, '3\n4')
    const file = await open()
    expect(file.note).toMatchObject({ last_seq: 2, last_row: '{"seq":2}' })
    await file.add('3\n4\n', { last_seq: 4, last_row: '{"seq":4}' })
    await file.close()
    expect(text()).toBe('seq\n1\n2\n3\n4\n')
  })

  it('is as whole after the kill of its first export as if nothing had been written', async () => {
    writeFileSync(`${path}.export.json`, '{"form":"csv","from_seq":1,"last_seq":0,"last_row":"","bytes":0}')
    writeFileSync(path, 'se')
    await writeTwo()
    expect(text()).toBe('seq\n1\n2\n')
  })

  it('is not gone on with when it is of another form, begins elsewhere, or has lost bytes', async () => {
    await writeTwo()
    await expect(open(undefined, 'jsonl')).rejects.toThrow('is of another form')
    await expect(open(2)).rejects.toThrow('begins at sequence 1')
    truncateSync(path, 3)
    await expect(open()).rejects.toThrow('has lost bytes')
    expect(text()).toBe('seq')
  })

  it("is left alone when it is somebody else's", async () => {
    writeFileSync(path, 'my only copy')
    await expect(open()).rejects.toThrow('no note')
    expect(text()).toBe('my only copy')
    rmSync(path)
    writeFileSync(`${path}.export.json`, '{"form":1}')
    await expect(open()).rejects.toThrow('cannot be read')
  })
})
