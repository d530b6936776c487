/**
 * Checks offline that an event, or each entry of a statement, is one of those that a signed head of a ledger vouches for. It
 * needs Node alone, and shares no code with Jetledger: docs/tamper-evidence.md says what it computes.
 *
 *   node verify-proof.mjs <proof.json> --key <public nkey>      prints the events; exit code 0 valid, 1 not valid, 2 called wrongly
 */

import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const u64 = n => Buffer.from(BigInt(n).toString(16).padStart(16, '0'), 'hex')
const withLength = bytes =>
  Buffer.concat([Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex'), bytes])

/** The time as nanoseconds since 1970; JavaScript's own dates end at milliseconds. */
const nanoseconds = time => {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time)
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

const leafOf = ({ seq, time, subject, headers, body }) =>
  sha256(
    Uint8Array.of(0),
    u64(seq),
    u64(nanoseconds(time)),
    withLength(Buffer.from(subject)),
    withLength(Buffer.from(headers, 'base64')),
    withLength(Buffer.from(body, 'base64')),
  )

/** The root that a leaf and its audit path give (RFC 9162, 2.1.3.2); undefined when the path has the wrong length. */
const rootFrom = (leaf, index, size, path) => {
  let [node, last, root] = [BigInt(index), BigInt(size) - 1n, leaf]
  for (const hash of path.map(hex => Buffer.from(hex, 'hex'))) {
    if (last === 0n) return undefined
    if (node % 2n === 1n || node === last) {
      root = sha256(Uint8Array.of(1), hash, root)
      while (node % 2n === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n]
    } else root = sha256(Uint8Array.of(1), root, hash)
    ;[node, last] = [node >> 1n, last >> 1n]
  }
  return last === 0n ? root.toString('hex') : undefined
}

/** The text that is signed. */
const textOf = ({ line, size, root, at, previous, reason, key }) =>
  `jetledger signed head 1\nline ${line}\nsize ${size}\nroot ${root}\nat ${at}\nprevious ${previous || '-'}\n${
    reason === undefined ? '' : `reason ${JSON.stringify(reason)}\n`
  }key ${key}\n`

/** The Ed25519 key in a public nkey: base32 of a prefix, 32 bytes, and a checksum of two bytes. */
const publicKey = nkey => {
  const digits = [...nkey].map(char => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char))
  const bits = digits.map(digit => digit.toString(2).padStart(5, '0')).join('')
  const bytes = Buffer.from(bits.match(/.{8}/g).map(byte => Number.parseInt(byte, 2)))
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1, 33)])
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** Why a proof is not valid; undefined when it is. */
const problemOf = ({ proof, event, path, head }, key) => {
  if (proof !== 1) return 'it is no proof of form 1'
  if (head.key !== key) return `its head is signed with ${head.key}`
  if (!verify(null, Buffer.from(textOf(head)), publicKey(key), Buffer.from(head.signature, 'base64url')))
    return 'the signature of its head is wrong'
  if (!(event.seq >= 1 && event.seq <= head.size))
    return `its head vouches for the events 1 to ${head.size} only`
  const root = rootFrom(leafOf(event), event.seq - 1, head.size, path)
  return root === head.root ? undefined : 'the event is not the one that the head vouches for'
}

/** Why an entry of a statement is not the event that its proof holds. Its balance is no part of an event. */
const entryProblemOf = ({ seq, type, amount, transaction_id, proof, unproved }, client_id, key) => {
  if (proof === undefined) return `event ${seq}: ${unproved ?? 'it has no proof'}`
  const body = JSON.parse(Buffer.from(proof.event.body, 'base64').toString())
  const signed = [proof.event.seq, proof.event.subject, body.type, String(body.amount), body.transaction_id]
  const said = [seq, `customer.balance.${client_id}`, type, String(amount), transaction_id]
  if (JSON.stringify(signed) !== JSON.stringify(said)) return `event ${seq}: its proof is of another event`
  return problemOf(proof, key)
}

const [file, option, key] = process.argv.slice(2)
if (file === undefined || option !== '--key' || key === undefined) {
  console.error('usage: verify-proof.mjs <proof.json> --key <public nkey>')
  process.exit(2)
}
try {
  const given = JSON.parse(readFileSync(file, 'utf8'))
  const isStatement = given.entries !== undefined
  const entries = isStatement ? given.entries : [{ proof: given }]
  if (entries.length === 0) throw new Error('it has no entries')
  for (const entry of entries) {
    const problem = isStatement ? entryProblemOf(entry, given.client_id, key) : problemOf(entry.proof, key)
    if (problem !== undefined) throw new Error(problem)
  }
  for (const { event, head } of entries.map(({ proof }) => proof)) {
    console.log(`valid: event ${event.seq} of ${event.time}, signed at ${head.at} as one of ${head.size}`)
    console.log(`${event.subject} ${JSON.stringify(Buffer.from(event.body, 'base64').toString())}`)
  }
} catch (error) {
  console.error(`NOT valid: ${error.message}`)
  process.exit(1)
}
