/** `jetledger import` and `jetledger export` with objects of a real store, as other programs run them. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldEvents, readEvents } from '../support/independent-fold.js'
import {
  BUCKET,
  type ObjectServer,
  S3_LOGIN,
  startCuttingHop,
  startHoldingHop,
  startObjectStore,
} from '../support/object-store.js'
import { ownPorts } from '../support/ports.js'
import { type Dev, type Finished, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const START_MS_MAX = 60_000

let bench: Workbench
let dev: Dev
let store: ObjectServer
beforeAll(async () => {
  bench = openWorkbench()
  store = await startObjectStore()
  dev = await bench.dev('--no-seed')
}, START_MS_MAX)
afterAll(async () => {
  await bench?.end()
  await store?.stop()
})

const at = (key: string): string => `s3://${BUCKET}/${key}`
const runWith = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Finished> =>
  bench.run(args, { ...store.env, ...env })
const run = (...args: readonly string[]): Promise<Finished> => runWith({}, ...args)
const fileWith = (name: string, content: string): string => {
  const path = join(bench.folder, name)
  writeFileSync(path, content)
  return path
}
const textOf = (key: string): string | undefined => store.get(key)?.toString()
// biome-ignore lint/suspicious/noExplicitAny: a report is looked at field by field
const reportIn = (text: string | undefined): any => JSON.parse(text ?? '')
const balancesOf = async (...ids: readonly string[]): Promise<(bigint | undefined)[]> => {
  const nc = await bench.connect(dev.nats_url)
  const { balances } = foldEvents(await readEvents(nc))
  return ids.map(id => balances.get(id))
}

/** Rows of a file as a spreadsheet saves it. */
const CSV = '\ufefftype,client_id,amount\r\ncredit,ada,500\r\ndebit,ada,200\r\ndebit,ben,9\r\ncredit,,1\r\n'
const REJECTED = ['3,INSUFFICIENT_FUNDS', '4,MALFORMED']
const rejectsIn = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split('\r\n')
    .slice(1, -1)
    .map(line => line.split(',').slice(0, 2).join(','))

describe('an import from an object', () => {
  it('has the same effect and ids as from a file, with rejects beside the object and a report anywhere', async () => {
    store.put('day 1/payments+ä.csv', CSV)
    const object = at('day 1/payments+ä.csv')
    const first = await run('import', object, '--report', at('reports/1.json'))
    expect(first.stdout).toBe('imported 4 rows: 2 carried out, 0 known already, 1 refused, 1 malformed\n')
    expect(first.code).toBe(1)
    expect(first.stderr).toContain(`2 of 4 rows are in ${object}.rejects.csv, each with its reason`)
    expect(rejectsIn(textOf('day 1/payments+ä.csv.rejects.csv'))).toEqual(REJECTED)
    expect(await balancesOf('ada', 'ben')).toEqual([300n, 0n])
    const report = reportIn(textOf('reports/1.json'))
    expect(report).toMatchObject({
      outcome: 'some_rejected',
      exit_code: 1,
      source: object,
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      rows: 4,
      carried_out: 2,
      known: 0,
      refused: 1,
      malformed: 1,
      codes: { INSUFFICIENT_FUNDS: 1, MALFORMED: 1 },
      rejects: `${object}.rejects.csv`,
      is_dry_run: false,
    })
    expect(Date.parse(report.ended_at) - Date.parse(report.started_at)).toBe(report.duration_ms)

    const again = await run('import', object)
    expect(again.stdout).toContain('0 carried out, 2 known already')
    const path = fileWith('the-same.csv', CSV)
    const from_file = await run('import', path, '--report', 'report.json', '--rejects', at('of-the-file.csv'))
    expect(from_file.stdout).toContain('0 carried out, 2 known already')
    expect(rejectsIn(textOf('of-the-file.csv'))).toEqual(REJECTED)
    expect(reportIn(readFileSync(join(bench.folder, 'report.json'), 'utf8'))).toMatchObject({
      source: path,
      digest: report.digest,
      known: 2,
      rejects: at('of-the-file.csv'),
    })
    expect(await balancesOf('ada')).toEqual([300n])
  })

  it('reads JSON lines, and rejects that were put right; rejects of before go when there are none', async () => {
    store.put('rows.jsonl', '{"type":"credit","client_id":"cleo","amount":"300"}\n{"type":"credit"}\n')
    const { code, stdout } = await run('import', at('rows.jsonl'))
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('1 carried out') })
    const rejects = textOf('rows.jsonl.rejects.csv') ?? ''
    store.put(
      'right.csv',
      rejects.replace(/^(row,code,message),line.*/s, '$1,type,client_id,amount\r\n2,,,credit,cleo,5\r\n'),
    )
    const right = await run('import', at('right.csv'), '--ignore', 'row,code,message')
    expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining('1 carried out') })
    expect(store.keys()).not.toContain('right.csv.rejects.csv')
    store.put('rows.jsonl', '{"type":"credit","client_id":"cleo","amount":"7"}\n')
    expect((await run('import', at('rows.jsonl'))).code).toBe(0)
    expect(store.keys()).not.toContain('rows.jsonl.rejects.csv')
    expect(await balancesOf('cleo')).toEqual([312n])
  })

  it('goes on over a connection that breaks, and fails when the object is replaced meanwhile', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `credit,dan,${i + 1}\n`)
    const csv = `type,client_id,amount\n${rows.join('')}`
    store.put('long.csv', csv)
    const hop = await startCuttingHop(store.url, [90_000])
    bench.atEnd(hop.stop)
    const cut = await runWith({ AWS_ENDPOINT_URL_S3: hop.url }, 'import', at('long.csv'), '--dry-run')
    expect(cut).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('checked 20000 rows: 20000 can be sent'),
    })
    expect(hop.cuts()).toBe(1)
    const swap = await startCuttingHop(store.url, [90_000], () =>
      store.put('long.csv', csv.replaceAll('dan', 'eve')),
    )
    bench.atEnd(swap.stop)
    const swapped = await runWith(
      { AWS_ENDPOINT_URL_S3: swap.url },
      'import',
      at('long.csv'),
      '--report',
      'swapped.json',
    )
    expect(swapped).toMatchObject({ code: 1, stdout: '' })
    expect(swapped.stderr).toContain('the object was replaced while it was read, so nothing of it counts')
    expect(await balancesOf('dan', 'eve')).toEqual([undefined, undefined])
    expect(reportIn(readFileSync(join(bench.folder, 'swapped.json'), 'utf8'))).toMatchObject({
      outcome: 'failed',
      exit_code: 1,
      message: expect.stringContaining('was replaced'),
      rows: 0,
      digest: null,
      rejects: null,
    })
  })

  it('writes over nothing that is not of an import', async () => {
    store.put('good.csv', 'type,client_id,amount\ncredit,fay,1\n')
    store.put('letter.txt', 'Dear reader')
    const path = fileWith('letter.txt', 'Dear reader')
    for (const options of [
      ['--rejects', at('letter.txt')],
      ['--report', at('letter.txt')],
      ['--report', path],
      ['--report', at('good.csv')],
      ['--rejects', at('good.csv')],
      ['--rejects', at('same.csv'), '--report', at('same.csv')],
    ]) {
      const { code, stdout, stderr } = await run('import', at('good.csv'), ...options)
      expect({ options, code, stdout }).toEqual({ options, code: 2, stdout: '' })
      expect(stderr).toMatch(/has another content|must have another place|must be another one/)
    }
    expect(textOf('letter.txt')).toBe('Dear reader')
    expect(readFileSync(path, 'utf8')).toBe('Dear reader')
    expect(await balancesOf('fay')).toEqual([undefined])
  })

  it.each([
    [['s3://Incoming/a.csv'], {}, 2, 'the name of a bucket has 3 to 63'],
    [[`s3://${BUCKET}/`], {}, 2, 'the key of the object is missing'],
    [[at('nowhere.csv')], {}, 2, 'there is no such object'],
    [['s3://no-such-bucket/a.csv'], {}, 2, 'there is no such bucket'],
    [[at('a.csv')], { AWS_ACCESS_KEY_ID: '' }, 2, 'there are no credentials'],
    [[at('a.csv')], { AWS_SECRET_ACCESS_KEY: 'wrong' }, 1, 'refuses the credentials (SignatureDoesNotMatch)'],
    [['a.csv', '--rejects', 's3://incoming'], {}, 2, 'the key of the object is missing'],
  ])('of %j with %j ends with %i: %s', async (args, env, exit_code, sentence) => {
    fileWith('a.csv', 'type,client_id,amount\n')
    const { code, stdout, stderr } = await runWith(env, 'import', ...args, '--dry-run')
    expect({ code, stdout }).toEqual({ code: exit_code, stdout: '' })
    expect(stderr).toContain(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).not.toContain(S3_LOGIN.AWS_SECRET_ACCESS_KEY)
  })

  it('ends with 3 within seconds where no store answers', async () => {
    const [port] = await ownPorts(1)
    const env = { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` }
    const { code, stderr } = await runWith(env, 'import', at('a.csv'))
    expect(code).toBe(3)
    expect(stderr).toContain('the store of objects does not answer (connect ECONNREFUSED')
  })
})

describe('an object that was dropped into a bucket', () => {
  it('is imported with rejects and report beside it, and its rejects are left alone', async () => {
    const key = '-- "drop" \\1+.csv'
    store.put(key, 'type,client_id,amount\ncredit,gus,10\ndebit,gus,11\n')
    const dropped = ['import', '--dropped-in', BUCKET, '--', key]
    expect(await run(...dropped)).toMatchObject({ code: 1, stdout: expect.stringContaining('1 carried out') })
    expect(rejectsIn(textOf(`${key}.rejects.csv`))).toEqual(['2,INSUFFICIENT_FUNDS'])
    expect(reportIn(textOf(`${key}.report.json`))).toMatchObject({ outcome: 'some_rejected', carried_out: 1 })
    const of_rejects = await run('import', '--dropped-in', BUCKET, '--', `${key}.rejects.csv`)
    expect(of_rejects).toMatchObject({ code: 0, stdout: expect.stringContaining('is left alone') })
    expect(store.keys()).not.toContain(`${key}.rejects.csv.report.json`)
  })

  it('by two tasks at once has one effect, and each row is carried out by one of them', async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => `credit,twice-${i % 50},${(i % 7) + 1}\n`)
    store.put('twice.csv', `type,client_id,amount\n${rows.join('')}`)
    const dropped = () => run('import', '--json', '--dropped-in', BUCKET, '--', 'twice.csv')
    const both = await Promise.all([dropped(), dropped()])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    const counts = both.map(({ stdout }) => JSON.parse(stdout))
    expect(counts[0].carried_out + counts[1].carried_out).toBe(3_000)
    expect(counts.map(({ carried_out, known }) => carried_out + known)).toEqual([3_000, 3_000])
    expect(await balancesOf('twice-0')).toEqual([
      rows.reduce((sum, row, i) => sum + (i % 50 === 0 ? BigInt(row.trim().split(',')[2] ?? '') : 0n), 0n),
    ])
    const report = reportIn(textOf('twice.csv.report.json'))
    expect(report).toMatchObject({ outcome: 'imported', exit_code: 0, rows: 3_000, rejects: null })
    expect(report.carried_out + report.known).toBe(3_000)
  })

  it.each([
    [['import', '--dropped-in', 'In', '--', 'a.csv'], 'the name of a bucket'],
    [['import', '--dropped-in', BUCKET], 'name either a file, or a table'],
    [['import', '--dropped-in', BUCKET, 'a.csv', '--report', 'r.json'], 'cannot be used with option'],
  ])('is not meant by %j', async (args, sentence) => {
    const { code, stderr } = await run(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(sentence)
  })
})

describe('an export to an object', () => {
  beforeAll(async () => {
    store.put('payments.csv', CSV)
    await run('import', at('payments.csv'))
  })

  it.each([
    ['events', [], ['jsonl', 'csv', 'parquet']],
    ['balances', [], ['jsonl', 'csv', 'parquet']],
    ['statement', ['ada'], ['jsonl', 'csv', 'parquet', 'pdf']],
  ])('of %s is, in every format, what a file of it is', async (kind, args, formats) => {
    for (const format of formats) {
      const name = `${kind}.${format}`
      const to_file = await run('export', kind, ...args, '--out', name)
      const to_object = await run('export', kind, ...args, '--out', at(`out/${name}`))
      expect(to_object, name).toEqual({ ...to_file, code: 0, stdout: '' })
      expect(to_object.stderr).toMatch(/^last sequence \d+$/m)
      const [file, object] = [readFileSync(join(bench.folder, name)), store.get(`out/${name}`)]
      // a PDF names the time at which it was made
      if (format === 'pdf') expect(object?.subarray(0, 5).toString()).toBe('%PDF-')
      else expect(object?.equals(file), name).toBe(true)
    }
  })

  it('of events is whole each time; --from-seq goes on in another object', async () => {
    const first = await run('export', 'events', '--to-seq', '3', '--out', at('first.csv'))
    expect(first.stderr).toBe('last sequence 3\n')
    const rest = await run('export', 'events', '--from-seq', '4', '--out', at('rest.csv'))
    expect(rest.code).toBe(0)
    await run('export', 'events', '--out', at('all.csv'))
    const rows = (key: string): string[] => (textOf(key) ?? '').split('\r\n').slice(1, -1)
    expect([...rows('first.csv'), ...rows('rest.csv')]).toEqual(rows('all.csv'))
    // the same again replaces it
    await run('export', 'events', '--to-seq', '2', '--out', at('all.csv'))
    expect(rows('all.csv')).toEqual(rows('first.csv').slice(0, 2))
    expect(
      readdirSync(bench.folder).filter(name => name.includes('export.json') && name.startsWith('all')),
    ).toEqual([])
  })

  it('that is refused or malformed leaves no object, and no file where its name would be', async () => {
    const env = { AWS_SECRET_ACCESS_KEY: 'wrong' }
    const refused = await runWith(env, 'export', 'events', '--out', at('none.csv'))
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('the store refuses the credentials (SignatureDoesNotMatch)')
    const malformed = await run('export', 'events', '--out', 's3://incoming')
    expect(malformed).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the key of the object is missing'),
    })
    expect(store.keys()).not.toContain('none.csv')
    expect(readdirSync(bench.folder)).not.toContain('s3:')
  })

  it('of many bytes that is stopped or killed leaves no object', async () => {
    // more than two parts of an upload: both events of a transfer hold the note
    const note = 'n'.repeat(1_900)
    const name = (i: number): string => `many-${i % 500}`
    const credits = Array.from({ length: 500 }, (_, i) => `credit,${name(i)},,,100,\n`)
    const transfers = Array.from(
      { length: 10_000 },
      (_, i) => `transfer,,${name(i)},${name(i + 1)},1,${note}\n`,
    )
    const heading = 'type,client_id,from,to,amount,metadata.note\n'
    store.put('many.csv', heading + credits.join('') + transfers.join(''))
    expect((await run('import', at('many.csv'))).code).toBe(0)
    for (const [signal, key] of [
      ['SIGTERM', 'stopped.jsonl'],
      ['SIGKILL', 'killed.jsonl'],
    ] as const) {
      const hop = await startHoldingHop(store.url, 'partNumber=1&')
      bench.atEnd(hop.stop)
      const env = { ...store.env, AWS_ENDPOINT_URL_S3: hop.url }
      const program = bench.start(['export', 'events', '--out', at(key)], env)
      await until(() => hop.is_holding(), { deadline_ms: 30_000, what: 'the first part' })
      const exit = await program.end(signal)
      expect(store.keys()).not.toContain(key)
      if (signal === 'SIGKILL') continue
      expect({ exit, stderr: program.stderr() }).toMatchObject({
        exit: { code: 1 },
        stderr: expect.stringContaining('stopped'),
      })
      expect(
        store
          .requests()
          .filter(request => request.includes(key))
          .at(-1),
      ).toMatch(/^DELETE .*uploadId=/)
    }
    const whole = await run('export', 'events', '--out', at('whole.jsonl'))
    expect(whole.code).toBe(0)
    await run('export', 'events', '--out', 'whole.jsonl')
    expect(store.get('whole.jsonl')?.equals(readFileSync(join(bench.folder, 'whole.jsonl')))).toBe(true)
  })
})
