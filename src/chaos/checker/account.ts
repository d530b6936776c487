/** The accounts that questions and answers name. */

import { field, type Json, textOf } from './json.js'

/** The account of a customer in the asset that a question or an answer names; in the default one it is the customer's id alone. */
export const accountName = (client_id: string, json: Json | undefined): string => {
  const asset = textOf(field(json, 'asset'))
  return asset === undefined ? client_id : `${client_id}/${asset}`
}

/** The account that a question or an answer names in a field; undefined when the field is not there. */
export const accountIn = (json: Json | undefined, name = 'client_id'): string | undefined => {
  const client_id = textOf(field(json, name))
  return client_id === undefined ? undefined : accountName(client_id, json)
}
