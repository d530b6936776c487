/**
 * Puts objects into a bucket of S3, or of a store with the same interface, each with a lock: nobody can change or delete it
 * before the lock ends, not even the owner of the account (Object Lock, mode COMPLIANCE).
 *
 * One kind of request is needed, so it is signed here (AWS Signature Version 4) and no client of S3 is loaded.
 */

import { createHash, createHmac } from 'node:crypto'

export type Credentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export type StoreOptions = {
  readonly bucket: string
  readonly region: string
  /** The address of a store other than AWS's own. */
  readonly endpoint?: string | undefined
  readonly locked_days: number
  /** Asked for each request: the credentials of a task change. */
  readonly credentials: () => Promise<Credentials>
}

export type LockedStore = {
  /** Puts an object where there is none. It is no error that there is one: what was put first stays. Rejects otherwise. */
  readonly put: (key: string, body: string, now: Date) => Promise<void>
}

const TIMEOUT_MS = 5_000
const DAY_MS = 86_400_000
const ANSWER_CHARS_MAX = 300
/** There is an object with this key. */
const PRECONDITION_FAILED = 412
const ALGORITHM = 'AWS4-HMAC-SHA256'

const hexOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** A request to a store. Header names are in small letters, and the path is encoded as it is sent. */
export type StoreRequest = {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The headers of a request, with the ones that sign it. */
export const signedHeaders = (
  { method, url, headers, body }: StoreRequest,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  region: string,
  now: Date,
): Record<string, string> => {
  const stamp = now.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': hexOf(body),
    'x-amz-date': stamp,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  }
  const names = Object.keys(all).sort()
  const request = [
    method,
    url.pathname,
    url.search.slice(1),
    ...names.map(name => `${name}:${all[name]}`),
    '',
    names.join(';'),
    hexOf(body),
  ].join('\n')
  const scope = [stamp.slice(0, 8), region, 's3', 'aws4_request']
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  const signature = hmac(key, [ALGORITHM, stamp, scope.join('/'), hexOf(request)].join('\n')).toString('hex')
  return {
    ...all,
    authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope.join('/')},SignedHeaders=${names.join(';')},Signature=${signature}`,
  }
}

const urlOf = ({ bucket, region, endpoint }: StoreOptions, key: string): URL =>
  endpoint === undefined
    ? new URL(`https://${bucket}.s3.${region}.amazonaws.com/${key}`)
    : new URL(`${endpoint.replace(/\/$/, '')}/${bucket}/${key}`)

/** Why a store refuses, of its answer in XML: the answer to a wrong signature also repeats the request. */
const reasonIn = (text: string): string =>
  ['Code', 'Message']
    .map(name => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '')
    .join(' ')
    .slice(0, ANSWER_CHARS_MAX)

/** The store of a bucket, which must have Object Lock. Keys are made of letters, digits, `/`, `-` and `.`. */
export const lockedStore = (options: StoreOptions): LockedStore => ({
  put: async (key, body, now) => {
    const url = urlOf(options, key)
    const until = new Date(now.getTime() + options.locked_days * DAY_MS)
    const request = {
      method: 'PUT',
      url,
      headers: {
        'content-type': 'application/json',
        'if-none-match': '*',
        // S3 takes an object with a lock only with a checksum, and wants its kind to be named
        'x-amz-sdk-checksum-algorithm': 'SHA256',
        'x-amz-checksum-sha256': createHash('sha256').update(body).digest('base64'),
        'x-amz-object-lock-mode': 'COMPLIANCE',
        'x-amz-object-lock-retain-until-date': until.toISOString().replace(/\.\d{3}/, ''),
      },
      body,
    }
    const { host: _, ...headers } = signedHeaders(request, await options.credentials(), options.region, now)
    const answer = await fetch(url, {
      method: 'PUT',
      headers,
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await answer.text()
    if (!answer.ok && answer.status !== PRECONDITION_FAILED)
      throw new Error(`${url.host} refused ${url.pathname}: ${answer.status} ${reasonIn(text)}`)
  },
})
