/**
 * Says what is wrong with a value that a codec refused: one clause per field, each naming it.
 */

import type { t } from '../fp.js'

const describe = (error: t.ValidationError): { field: string; rule: string } => {
  const path = error.context.filter(({ key }) => key !== '' && !/^\d+$/.test(key)).map(({ key }) => key)
  const expected = error.context.at(-1)?.type.name ?? 'something else'
  const rule = error.value === undefined ? 'is missing' : (error.message ?? `must be ${expected}`)
  return { field: path.join('.'), rule }
}

/** Names every wrong field once, e.g. `client_id: is missing; amount: must be ...`. */
export const describeErrors = (errors: t.Errors): string => {
  const byField = new Map<string, string>()
  for (const { field, rule } of errors.map(describe)) if (!byField.has(field)) byField.set(field, rule)
  return [...byField].map(([field, rule]) => (field === '' ? rule : `${field}: ${rule}`)).join('; ')
}
