/**
 * Reads one answer of HTTP/1.1 out of the bytes that a connection received. It is written by hand, because Node's client
 * takes more of the machine for a request than the server under measurement. It reads what fastify sends: a length, and no
 * chunks.
 */

export type HttpAnswer = { readonly status: number; readonly body: string; readonly is_last: boolean }

/** The largest answer: the results of 1,000 commands take a fifth of it. */
const ANSWER_BYTES_MAX = 4_000_000

const STATUS = /^HTTP\/1\.1 (\d{3}) /
const LENGTH = /\r\ncontent-length: *(\d+)/i
const CLOSE = /\r\nconnection: *close/i

const HEAD_END = Buffer.from('\r\n\r\n')

/** The first answer in `bytes`; undefined while it is not whole. Throws an error when it is none that can be read. */
export const readAnswer = (bytes: Buffer): HttpAnswer | undefined => {
  const head_end = bytes.indexOf(HEAD_END)
  if (head_end === -1) {
    if (bytes.length > ANSWER_BYTES_MAX) throw new Error('HTTP_NO_ANSWER')
    return undefined
  }
  const head = bytes.toString('latin1', 0, head_end)
  const [status, length] = [STATUS.exec(head)?.[1], LENGTH.exec(head)?.[1]]
  if (status === undefined || length === undefined || Number(length) > ANSWER_BYTES_MAX)
    throw new Error('HTTP_NO_ANSWER')
  const begin = head_end + HEAD_END.length
  if (bytes.length < begin + Number(length)) return undefined
  const body = bytes.toString('utf8', begin, begin + Number(length))
  return { status: Number(status), body, is_last: CLOSE.test(head) }
}
