/** Sends the inputs of the corpus to a running ledger, a few at a time, and returns every difference from the documentation. */

import { setTimeout as pause } from 'node:timers/promises'
import { inParallel } from '../../src/parallel.js'
import type { DeputyInput, EventInput, HttpInput, Known, RequestInput, Text } from './inputs.js'
import { judgeAnswer, judgeEvent, judgeHttp } from './judge.js'
import { type HostileLedger, READER, WRITER } from './ledger.js'
import { connectRaw, type RawMessage } from './raw-nats.js'

const AT_ONCE = 2
/** The pause before each input: the test asks whether an input does harm, not how many inputs fill two cores. */
const PACE_MS = 5

/** One text for each wrong outcome, which begins with the name of the input. */
export type Objections = readonly string[]

const told = (name: string, problem: string | undefined): Objections =>
  problem === undefined ? [] : [`${name.slice(0, 200)}: ${problem}`]

const textOf = (text: Text | undefined, known: Known): string | Uint8Array | undefined =>
  typeof text === 'function' ? text(known) : text

export const deliverRequests = async (
  { ask }: HostileLedger,
  known: Known,
  inputs: readonly RequestInput[],
): Promise<Objections> => {
  const objections = await inParallel(AT_ONCE, inputs, async ({ name, subject, body, header, gives }) => {
    await pause(PACE_MS)
    return told(name, judgeAnswer(gives, await ask(subject, textOf(body, known), header)))
  })
  return objections.flat()
}

const TOKENS = {
  none: [],
  reader: [`Authorization: Bearer ${READER}`],
  writer: [`Authorization: Bearer ${WRITER}`],
}

export const deliverHttp = async (
  { askHttp }: HostileLedger,
  known: Known,
  inputs: readonly HttpInput[],
): Promise<Objections> => {
  const objections = await inParallel(AT_ONCE, inputs, async input => {
    await pause(PACE_MS)
    const { name, method = 'GET', target, headers = [], token = 'writer', gives } = input
    const body = textOf(input.body, known)
    const request = {
      method,
      target: typeof target === 'string' ? target : target(known),
      headers: [...TOKENS[token], ...headers],
      ...(body === undefined ? {} : { body }),
    }
    return told(name, judgeHttp(gives, await askHttp(request)))
  })
  return objections.flat()
}

const LEAST = '{"type":"credit","amount":1}'

type Addressed = { readonly input: EventInput; readonly token: string }

/** An event that was sent, with JetStream's acknowledgement. */
export type Sent = Addressed & { readonly acknowledgement: string }

/** Gives every event a customer of its own, except an event that names one. */
export const withTokens = (inputs: readonly EventInput[]): readonly Addressed[] =>
  inputs.map((input, n) => ({ input, token: input.token ?? `h-${n}` }))

export const deliverEvents = (
  { ask }: HostileLedger,
  addressed: readonly Addressed[],
): Promise<readonly Sent[]> =>
  inParallel(AT_ONCE, addressed, async ({ input, token }) => {
    await pause(PACE_MS)
    const subject = `customer.balance.${token}`
    for (const body of input.before ?? []) await ask(subject, body)
    const answer = await ask(subject, input.body ?? LEAST, input.header)
    return { input, token, acknowledgement: answer?.body.toString() ?? 'no acknowledgement' }
  })

type Letter = { readonly seq: number; readonly reason: string }
type Status = { readonly parked: readonly string[] }

const jsonOf = async ({ bench }: HostileLedger, ...args: readonly string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await bench.run([...args, '--json'])
  if (code !== 0) throw new Error(`jetledger ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

const seqOf = (acknowledgement: string): number | undefined => {
  const seq = /^\{"stream":"customer-balances",.*"seq":(\d+)/.exec(acknowledgement)?.[1]
  return seq === undefined ? undefined : Number(seq)
}

/** Compares the outcomes of the events with the documented ones. The projection must have handled the events before. */
export const judgeEvents = async (ledger: HostileLedger, sent: readonly Sent[]): Promise<Objections> => {
  const letters = (await jsonOf(ledger, 'dead-letters', 'list', '--limit', '10000')) as readonly Letter[]
  const { parked } = (await jsonOf(ledger, 'status')) as Status
  const reasons = new Map(letters.map(({ seq, reason }) => [seq, reason]))
  const objections = await inParallel(AT_ONCE, sent, async ({ input, token, acknowledgement }) => {
    const seq = seqOf(acknowledgement)
    const answer = await ledger.ask('customer.balance', JSON.stringify({ client_id: token }))
    const balance = /^\{"balance":"?(-?\d+)"?\}$/.exec(answer?.body.toString() ?? '')?.[1]
    const fate = {
      seq,
      acknowledgement,
      reason: seq === undefined ? undefined : reasons.get(seq),
      // a token that is not a valid client id has no balance
      balance: balance ?? '0',
      isParked: parked.includes(token),
    }
    return told(input.name, judgeEvent(input.gives, fate))
  })
  return objections.flat()
}

const ANSWER = /"(?:balance|error|entries|status|results)":|io\.nats\.micro|is not valid JSON/

/** True for an answer of the service. Other messages arrive too, because a reply subject may be an endpoint in use. */
const isAnswer = ({ body }: RawMessage): boolean => ANSWER.test(body.toString())

/** The watch on the reply subjects; `objections` lists the answers that arrived there. */
export type Silence = { readonly objections: () => Objections }

/**
 * Sends requests with forbidden reply subjects, and listens on these subjects. The result is certain once later requests to
 * the same endpoints are answered.
 */
export const deliverDeputies = async (
  { bench, dev }: HostileLedger,
  known: Known,
  inputs: readonly DeputyInput[],
): Promise<Silence> => {
  // a separate connection: the server sends "no responders" to one subscription only, and the inbox must get it
  const raw = await connectRaw(dev.nats_url)
  bench.atEnd(() => raw.close())
  const heard: string[] = []
  const replies = inputs.map(({ reply }) => (typeof reply === 'string' ? reply : reply(known)))
  for (const reply of new Set(replies)) {
    raw.listen(reply, message => {
      // a reply subject with a wildcard also receives the inboxes of other clients
      if (message.subject === reply && isAnswer(message))
        heard.push(`${reply}: ${message.body}`.slice(0, 300))
    })
  }
  inputs.forEach(({ subject, body }, i) => {
    raw.publish({ subject, body, reply: replies[i] ?? '' })
  })
  await raw.flush()
  return { objections: () => heard }
}
