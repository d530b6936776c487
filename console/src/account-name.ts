/**
 * The name of an account in the console: the customer's id, and the asset after a slash unless it is the default one. The API
 * has them as two fields.
 */

export type Named = { readonly client_id: string; readonly asset?: string | undefined }

export const accountName = ({ client_id, asset }: Named): string =>
  asset === undefined ? client_id : `${client_id}/${asset}`

/** The two fields of a name; no client id holds a slash. */
export const namesIn = (name: string): Named => {
  const at = name.indexOf('/')
  return at < 0 ? { client_id: name } : { client_id: name.slice(0, at), asset: name.slice(at + 1) }
}
