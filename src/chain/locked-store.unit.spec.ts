import { expect, it } from 'vitest'
import { signedHeaders } from './locked-store.js'

it('signs as AWS documents it, by the example "PUT Object" of Signature Version 4', () => {
  const request = {
    method: 'PUT',
    url: new URL('https://examplebucket.s3.amazonaws.com/test%24file.text'),
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    body: 'Welcome to Amazon S3.',
  }
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const now = new Date('2013-05-24T00:00:00Z')
  expect(signedHeaders(request, credentials, 'us-east-1', now).authorization).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
      'SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,' +
      'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  )
  const session = signedHeaders(request, { ...credentials, sessionToken: 'token' }, 'us-east-1', now)
  expect(session['x-amz-security-token']).toBe('token')
  expect(session.authorization).toContain(';x-amz-security-token;')
})
