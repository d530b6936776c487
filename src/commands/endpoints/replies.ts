/**
 * Replies and errors of commands as JSON. A reply is put together by hand: it is written for every command.
 */

import { amountJson, toJson } from '../../ledger/amount.js'
import { quoted } from '../../ledger/quoted.js'
import { CATALOGUE, catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import type { Failure, Position, Reply } from '../outcome.js'

const positionFields = ({ client_id, balance, version, seq }: Position): string =>
  `"client_id":"${client_id}","balance":${amountJson(balance)},"version":${version},"seq":${seq}`

/** The body of a reply. Client ids hold nothing that JSON has to escape; transaction ids may. */
export const replyJson = (reply: Reply, replayed: boolean): string => {
  const id = `{"transaction_id":${quoted(reply.transaction_id)},`
  const fields =
    'from' in reply
      ? `"from":{${positionFields(reply.from)}},"to":{${positionFields(reply.to)}}`
      : positionFields(reply)
  return `${id}${fields}${replayed ? ',"replayed":true}' : '}'}`
}

const bigintsToJson = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? toJson(value) : value

/** Any value as JSON, amounts in their JSON forms. */
export const json = (value: unknown): string => JSON.stringify(value, bigintsToJson)

/** A failure as the error of a whole request. */
export const errorOf = ({ code, details, cause }: Failure): ServiceError => catalogued(code, details, cause)

/** A failure as one of a batch's results. */
export const errorJson = ({ code, details }: Failure): string =>
  json({ error: { code, message: CATALOGUE[code].message, ...details } })
