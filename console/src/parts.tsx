/** The small parts that all pages are made of. */

import { type ReactNode, useEffect, useId, useRef } from 'react'
import { type Amount, Refused } from './api.js'
import { amountText } from './format.js'
import type { Standing } from './ledger.js'

export const Field = ({
  label,
  hint,
  value,
  onChange,
  ...more
}: {
  readonly label: string
  readonly hint?: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly required?: boolean
  readonly maxLength?: number
  readonly type?: 'text' | 'password' | 'date'
  readonly inputMode?: 'numeric'
  readonly autoFocus?: boolean
  readonly list?: string
}) => {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={value}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={event => onChange(event.target.value)}
        {...more}
      />
      {hint === undefined ? null : (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

export const Choice = ({
  label,
  value,
  onChange,
  of,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly of: readonly string[]
}) => {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={event => onChange(event.target.value)}>
        {of.map(one => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </div>
  )
}

const textOf = (error: unknown): string => {
  if (error instanceof Refused) return error.message
  return 'No answer came from the gateway.'
}

export const Problem = ({ error }: { readonly error: unknown }) =>
  error === null || error === undefined ? null : (
    <p className="problem" role="alert">
      {textOf(error)} {error instanceof Refused ? <code>{error.code}</code> : null}
    </p>
  )

export const Waiting = ({ what }: { readonly what: string }) => (
  <p className="waiting" role="status">
    Reading {what} …
  </p>
)

export const Facts = ({ facts }: { readonly facts: readonly (readonly [string, ReactNode])[] }) => (
  <dl className="facts">
    {facts.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

export const State = ({
  is,
  children,
}: {
  readonly is: 'good' | 'warn' | 'bad' | 'plain'
  readonly children: ReactNode
}) => <span className={`state ${is}`}>{children}</span>

/** A balance; what is held stands beside it only where something is. */
export const standingText = ({ balance, available, held = 0 }: Standing): string => {
  const has_more = available !== undefined && BigInt(available) !== BigInt(balance)
  const parts: readonly (readonly [string, Amount])[] = [
    ...(BigInt(held) === 0n ? [] : [['held', held] as const]),
    ...(has_more ? [['available', available] as const] : []),
  ]
  return [amountText(balance), ...parts.map(([name, amount]) => `${name} ${amountText(amount)}`)].join(', ')
}

/** A dialog of the browser: it keeps the focus, and Escape closes it. */
export const Dialog = ({
  title,
  onClose,
  children,
}: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
}) => {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = ref.current
    if (dialog !== null && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

/** A table that scrolls inside its own frame where the screen is narrow; the frame can be reached by keyboard. */
export const Scroll = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a frame that scrolls has to be reachable by keyboard (axe: scrollable-region-focusable)
  <section className="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
)

/** A button that takes the focus when it appears, because the one that was pressed before it is gone. */
export const NextButton = ({
  onClick,
  is_busy = false,
  children,
}: {
  readonly onClick: () => void
  readonly is_busy?: boolean
  readonly children: ReactNode
}) => {
  const ref = useRef<HTMLButtonElement>(null)
  useEffect(() => ref.current?.focus(), [])
  return (
    <button type="button" ref={ref} onClick={onClick} aria-busy={is_busy}>
      {children}
    </button>
  )
}
