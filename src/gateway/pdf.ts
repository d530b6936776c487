/**
 * Answers with a PDF for `Accept: application/pdf`: the whole statement of a period, for the customer whose money it is.
 *
 * A PDF is made when all entries are there, so a statement that cannot be finished is a problem and never half a file. A few
 * are made at a time, for callers who still wait.
 */

import { once } from 'node:events'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { E, type Either, pipe } from '../fp.js'
import { parseInstant } from '../instant.js'
import { within } from '../parallel.js'
import { PDF_TYPE, wantsPdf } from './accept.js'
import { sendProblem } from './answer.js'
import type { AnswerPage } from './csv.js'
import type { MakePdf } from './pdf-thread.js'
import { type Problem, problem } from './problem.js'
import type { Fields, Given, RoutePdf } from './route.js'
import { readWholeStatement } from './whole-statement.js'

/** A PDF that a caller has asked for. */
export type PdfRequest = { readonly query: Fields; readonly name: string }

/** The most PDFs that a gateway makes at a time: each has a thread with some 100 MB. */
const PDFS_MAX = 2
/** How long a caller may wait, less than the console does. */
const PDF_MS_MAX = 25_000
/** A caller that takes its PDF more slowly than this is broken off. */
const SEND_MS_MAX = 60_000

/** What the query of a whole statement cannot have. */
const OF_PAGES = ['limit', 'cursor', 'proof']

const instantIn = (value: unknown): bigint | undefined =>
  typeof value === 'string' ? parseInstant(value) : undefined

/** What is wrong with a query of a whole statement; empty when nothing is. */
const faultsOf = (query: Fields): readonly string[] => {
  const [from, to] = [instantIn(query.from), instantIn(query.to)]
  return [
    ...OF_PAGES.filter(name => query[name] !== undefined).map(
      name => `${name}: must not be there with Accept: ${PDF_TYPE}`,
    ),
    ...(from !== undefined && to !== undefined && from >= to ? ['to: must be later than from'] : []),
  ]
}

/** The PDF that a request asks for; undefined when it asks for something else. */
export const pdfRequest = (
  pdf: RoutePdf | undefined,
  { headers }: Pick<FastifyRequest, 'headers'>,
  given: Given,
): Either<Problem, PdfRequest | undefined> => {
  if (pdf === undefined || !wantsPdf(headers.accept)) return E.right(undefined)
  const faults = faultsOf(given.query)
  return faults.length > 0
    ? E.left(problem('INVALID_REQUEST', faults.join('; ')))
    : E.right({ query: given.query, name: pdf.file_name(given) })
}

/** Watches whether a caller still waits. */
const watchCaller = (reply: FastifyReply) => {
  const ending = new AbortController()
  let why: Problem | undefined
  const end = (found: Problem): void => {
    why ??= found
    ending.abort()
  }
  const onClose = (): void => end(problem('REQUEST_TIMEOUT', 'the caller has gone'))
  const late = setTimeout(() => {
    end(problem('TIMEOUT', `no PDF within ${PDF_MS_MAX} ms; choose a shorter period`))
  }, PDF_MS_MAX)
  if (reply.raw.destroyed) onClose()
  reply.raw.once('close', onClose)
  return {
    signal: ending.signal,
    /** Why nobody waits any more; undefined while somebody does. */
    whyNot: () => why,
    stop: () => {
      clearTimeout(late)
      reply.raw.off('close', onClose)
    },
  }
}

type AskFor = (query: Fields) => Promise<Either<Problem, AnswerPage>>

const makeWhile = async (
  reply: FastifyReply,
  { query }: PdfRequest,
  askFor: AskFor,
  makePdf: MakePdf,
): Promise<Either<Problem, Uint8Array>> => {
  const { signal, whyNot, stop } = watchCaller(reply)
  const askForPage = async (wanted: Fields) =>
    pipe(
      await askFor(wanted),
      E.map(({ answer }) => answer),
    )
  try {
    const paper = await readWholeStatement(askForPage, query, whyNot)
    if (E.isLeft(paper)) return paper
    const bytes = await makePdf(paper.right, signal)
    const why = whyNot()
    return why === undefined ? E.right(bytes) : E.left(why)
  } catch (thrown) {
    const why = whyNot()
    if (why === undefined) throw thrown
    return E.left(why)
  } finally {
    stop()
  }
}

/** Resolves when the answer is sent; one that is taken too slowly is broken off. */
const send = async (reply: FastifyReply, name: string, bytes: Uint8Array): Promise<FastifyReply> => {
  const closed = once(reply.raw, 'close').catch(() => undefined)
  reply.header('content-type', PDF_TYPE)
  reply.header('content-disposition', `attachment; filename="${name}"`)
  reply.send(bytes)
  if ((await within(SEND_MS_MAX, closed)) === undefined) reply.raw.destroy()
  return reply
}

/** Makes the PDFs of a gateway, a few at a time; another caller is told to come back. */
export const createPdfs = (makePdf: MakePdf) => {
  let at_work = 0
  return {
    /** Answers with the PDF. Resolves when it is sent, or broken off. */
    serve: async (
      request: FastifyRequest,
      reply: FastifyReply,
      pdf: PdfRequest,
      askFor: AskFor,
    ): Promise<FastifyReply> => {
      if (at_work >= PDFS_MAX)
        return sendProblem(request, reply, problem('BUSY', `${PDFS_MAX} PDFs are being made here`))
      at_work += 1
      let made: Either<Problem, Uint8Array>
      try {
        made = await makeWhile(reply, pdf, askFor, makePdf)
      } finally {
        at_work -= 1
      }
      return E.isLeft(made) ? sendProblem(request, reply, made.left) : send(reply, pdf.name, made.right)
    },
  }
}
