import fc from 'fast-check'
import { Match, MsgHdrsImpl } from 'nats'
import { describe, expect, it } from 'vitest'
import { decodeHeaders } from './headers.js'

const decode = (text: string, encoding: BufferEncoding = 'utf8') => decodeHeaders(Buffer.from(text, encoding))
const all = (text: string) => [...decode(text)]

describe('headers from bytes', () => {
  it('are what the client reads, where they keep to the rules', () => {
    const headers = decode('NATS/1.0\r\nA: 1\r\nb:2 \r\nA: 3\r\nNats-Msg-Id: Grüße: x\r\n\r\n')
    expect([...headers]).toEqual([
      ['A', ['1', '3']],
      ['b', ['2']],
      ['Nats-Msg-Id', ['Grüße: x']],
    ])
    expect([headers.get('A'), headers.last('A'), headers.get('a'), headers.has('b')]).toEqual([
      '1',
      '3',
      '',
      true,
    ])
    expect(headers.values('NATS-MSG-ID', Match.IgnoreCase)).toEqual(['Grüße: x'])
    expect([headers.code, headers.description]).toEqual([0, ''])
  })

  it.each<[string, [string, string[]][]]>([
    ['bad name: x', [['bad name', ['x']]]],
    ['name : x', [['name ', ['x']]]],
    ['a\rb: c', [['a\rb', ['c']]]],
    ['a: b\nc: d', [['a', ['b\nc: d']]]],
    ['a: b\rc', [['a', ['b\rc']]]],
    ['a:b:c', [['a', ['b:c']]]],
    ['a:', [['a', ['']]]],
    ['\u0000\u001b[2J: \u0007', [['\u0000\u001b[2J', ['\u0007']]]],
    ['Größe: 1', [['Größe', ['1']]]],
    ['__proto__: x', [['__proto__', ['x']]]],
    ['no colon', []],
    [': no name', []],
    [':', []],
    ['\r\n\r\n', []],
  ])('keep or pass over the line %j', (line, headers) => {
    expect(all(`NATS/1.0\r\n${line}\r\nK: v\r\n\r\n`)).toEqual([...headers, ['K', ['v']]])
  })

  it('replace bytes that are not UTF-8, and need no line end', () => {
    const [[name, values] = []] = [...decode('NATS/1.0\r\n\xff: \x80', 'latin1')]
    expect([name, values]).toEqual(['\ufffd', ['\ufffd']])
    expect(all('NATS/1.0\r\nA: 1')).toEqual([['A', ['1']]])
    expect([...decodeHeaders(new Uint8Array())]).toEqual([])
  })

  it('take thousands and huge ones, and find one of them directly', () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `H${i}: ${i}\r\n`).join('')
    const headers = decode(`NATS/1.0\r\n${lines}${'N'.repeat(500_000)}: x\r\nNats-Sequence: 7\r\n\r\n`)
    expect(headers.size()).toBe(100_002)
    expect(headers.get('Nats-Sequence')).toBe('7')
    for (let i = 0; i < 100_000; i += 1) expect(headers.get(`H${i}`)).toBe(String(i))
  })

  it.each<[string, number, string]>([
    ['NATS/1.0 503', 503, ''],
    ['NATS/1.0 503 ', 503, ''],
    ['NATS/1.0 100 Idle Heartbeat', 100, 'Idle Heartbeat'],
    ['NATS/1.0   404  No Messages', 404, 'No Messages'],
  ])('have the status of %j', (line, code, description) => {
    const headers = decode(`${line}\r\nNats-Num-Pending: 3\r\n\r\n`)
    expect([headers.code, headers.description]).toEqual([code, description])
    expect(headers.get('Nats-Num-Pending')).toBe('3')
  })

  it.each([
    'NATS/1.0',
    '',
    '404 No Messages',
    ' NATS/1.0 404 x',
    'nats/1.0 404 x',
    'NATS/1.1 404 x',
    'NATS/1.0404 x',
    'NATS/1.0 4040',
    'NATS/1.0 404x',
    'NATS/1.0 -04',
    'NATS/1.0 404 x\rA: b',
    'NATS/1.0\r404',
  ])('have no status with the first line %j', line => {
    const headers = decode(`${line}\r\nA: 1\r\n\r\n`)
    expect([headers.code, headers.hasError, headers.get('A')]).toEqual([0, false, '1'])
  })

  it('are read from any bytes without an exception, and look-ups throw none either', () => {
    const pieces = fc.constantFrom(
      'NATS/1.0',
      ' ',
      '404',
      '\r\n',
      '\r',
      '\n',
      ':',
      'A',
      'Nats-Sequence',
      '\0',
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' }))).map(parts => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 100 }).map(rest => Buffer.concat([Buffer.from('NATS/1.0\r\n'), rest])),
    )
    fc.assert(
      fc.property(bytes, raw => {
        const headers = decodeHeaders(raw)
        for (const name of headers.keys()) {
          expect(headers.values(name).length).toBeGreaterThan(0)
          expect(headers.get(name)).toBe(headers.values(name)[0])
          expect(headers.has(name)).toBe(true)
          expect(name).not.toContain('\r\n')
        }
        expect(headers.get('Nats-Msg-Id') || '').toBeTypeOf('string')
        expect(Number.isInteger(headers.code)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  it('say what the client says of every block that keeps to the rules', () => {
    const name = fc.stringMatching(/^[!-9;-~]{1,20}$/)
    const value = fc.stringMatching(/^[ -~]{0,40}$/)
    const blocks = fc.array(fc.tuple(name, value), { maxLength: 20 })
    fc.assert(
      fc.property(blocks, pairs => {
        const sent = new MsgHdrsImpl()
        for (const [key, text] of pairs) sent.append(key, text)
        // the client encodes an empty set of headers as no bytes at all
        fc.pre(pairs.length > 0)
        const read = decodeHeaders(sent.encode())
        expect(read.toRecord()).toEqual(sent.toRecord())
      }),
    )
  })

  it('are decoded by the client with this decoder, for every message', () => {
    expect(MsgHdrsImpl.decode).toBe(decodeHeaders)
  })
})
