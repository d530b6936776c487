/** Reads the header `Accept`, by which a caller chooses the form of an answer. */

import type { FastifyReply } from 'fastify'

/** The weight that an `Accept` header gives to exactly this type; 0 without it. */
const weightOf = (accept: string, type: string): number => {
  for (const part of accept.split(',')) {
    const [name = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    if (name !== type) continue
    const weight = parameters.find(parameter => parameter.startsWith('q='))?.slice('q='.length)
    return weight === undefined ? 1 : Number(weight) || 0
  }
  return 0
}

/** Whether a caller wants CSV: it names it, and does not prefer JSON. */
export const wantsCsv = (accept = ''): boolean => {
  const csv = weightOf(accept, 'text/csv')
  return csv > 0 && csv >= weightOf(accept, 'application/json')
}

/** Whether a caller wants a PDF: it names it, and does not prefer JSON, or take CSV as well. */
export const wantsPdf = (accept = ''): boolean => {
  const pdf = weightOf(accept, PDF_TYPE)
  return pdf > weightOf(accept, 'text/csv') && pdf >= weightOf(accept, 'application/json')
}

export const PDF_TYPE = 'application/pdf'

/** Tells caches that the answer depends on `Accept`. */
export const varyByAccept = (reply: FastifyReply): void => {
  const before = reply.getHeader('vary')
  reply.header('vary', before === undefined ? 'Accept' : `${before}, Accept`)
}
