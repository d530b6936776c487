/** Makes packages for npm and pip: real archives with small programs. */

import { crc32, gzipSync } from 'node:zlib'

/** One file of a tar archive: a header of 512 bytes, then the content in blocks of 512 bytes. */
const tarEntry = (path: string, text: string): Buffer => {
  const header = Buffer.alloc(512)
  const fields: [number, string][] = [
    [0, path],
    [100, '0000644'],
    [108, '0000000'],
    [116, '0000000'],
    [124, text.length.toString(8).padStart(11, '0')],
    [136, '00000000000'],
    [148, '        '],
    [156, '0'],
    [257, 'ustar'],
    [263, '00'],
  ]
  for (const [offset, value] of fields) header.write(value, offset, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([header, Buffer.alloc(Math.ceil(text.length / 512) * 512, text.padEnd(512, '\0'))])
}

/** A package that, like the real ones, requires a newer Node than ours. */
export const tarball = (name: string): Buffer => {
  const manifest = JSON.stringify({ name, version: '1.0.0', engines: { node: '>=99' } })
  const entries = [tarEntry('package/package.json', manifest), tarEntry('package/program', `I am ${name}`)]
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]))
}

/** One stored file of a zip archive, and its entry in the directory at the end. */
const zipEntry = (path: string, text: string, offset: number): { file: Buffer; entry: Buffer } => {
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt32LE(crc32(text), 10)
  common.writeUInt32LE(text.length, 14)
  common.writeUInt32LE(text.length, 18)
  common.writeUInt16LE(path.length, 22)
  const rest = Buffer.alloc(14)
  rest.writeUInt32LE(offset, 10)
  const [name, local, central] = [
    Buffer.from(path),
    Buffer.from('PK\x03\x04'),
    Buffer.from('PK\x01\x02\x14\x00'),
  ]
  return {
    file: Buffer.concat([local, common, name, Buffer.from(text)]),
    entry: Buffer.concat([central, common, rest, name]),
  }
}

/** A wheel like the real one: its program is a script of the package, for a platform that is not this machine's. */
export const wheel = (name: string, tag: string, program: string): Buffer => {
  const info = `${name.replaceAll('-', '_')}-2.0.0`
  const about = `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: py3-none-${tag}\n`
  const files: [string, string][] = [
    [`${info}.data/scripts/program`, program],
    [`${info}.dist-info/METADATA`, `Metadata-Version: 2.1\nName: ${name}\nVersion: 2.0.0\n`],
    [`${info}.dist-info/WHEEL`, about],
  ]
  files.push([`${info}.dist-info/RECORD`, files.map(([path]) => `${path},,\n`).join('')])
  const parts = { files: [] as Buffer[], entries: [] as Buffer[], size: 0 }
  for (const [path, text] of files) {
    const { file, entry } = zipEntry(path, text, parts.size)
    parts.files.push(file)
    parts.entries.push(entry)
    parts.size += file.length
  }
  const directory = Buffer.concat(parts.entries)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(parts.size, 16)
  return Buffer.concat([...parts.files, directory, end])
}
