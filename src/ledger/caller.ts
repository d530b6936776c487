/**
 * The caller of a write: who asked for an event, and who vouches for that. It is one text, such as `token:shop`.
 *
 * The part before the colon is the voucher. `token` and `oidc` are the gateway, which knows the caller by a token of its
 * file or by a token of the configured issuer; `nats` is nats-server, which knows the user of the connection; `operator`
 * is a subcommand of jetledger, which asked nats-server who its own user is.
 *
 * The caller is stored beside the event, as a header of its message, so that an event's body is the same with a caller and
 * without one. A program that may publish to the stream itself can write any caller, as it can write any amount
 * (docs/adr/0037).
 */

/** The header of a stored event. */
export const CALLER_HEADER = 'Ledger-By'

/** The longest name of a caller, as it is written. */
export const CALLER_NAME_CHARS_MAX = 256

export type Voucher = 'token' | 'oidc' | 'nats' | 'operator'

const CALLER = /^(token|oidc|nats|operator):[!-~]{1,256}$/

/** A part of a name that a header cannot carry as it is, and the percent sign, by which such parts are written. */
const UNPRINTABLE = /[^!-$&-~]+/g

const percentEncoded = (part: string): string => {
  const whole = part.replace(/\p{Surrogate}/gu, '\ufffd')
  return encodeURIComponent(whole)
}

/** Writes a caller; undefined when the name is empty or too long, because a part of a name could be another caller's name. */
export const callerFrom = (voucher: Voucher, name: string): string | undefined => {
  const written = name.replace(UNPRINTABLE, percentEncoded)
  return written.length >= 1 && written.length <= CALLER_NAME_CHARS_MAX ? `${voucher}:${written}` : undefined
}

/** Whether a text is a caller, of one of `vouchers` if they are given. */
export const isCaller = (text: unknown, vouchers?: readonly Voucher[]): text is string => {
  const voucher = typeof text === 'string' ? CALLER.exec(text)?.[1] : undefined
  return voucher !== undefined && (vouchers === undefined || vouchers.some(one => one === voucher))
}

/** The part of a message's headers that is needed here. */
type Headers = { readonly values: (name: string) => readonly string[] }

/** The caller in the headers of a stored event. Undefined without one, and for what no program of ours has written. */
export const callerIn = (headers: Headers | undefined): string | undefined => {
  const [only, ...more] = headers?.values(CALLER_HEADER) ?? []
  return more.length === 0 && isCaller(only) ? only : undefined
}
