/**
 * A text that must not be shown. It is a function and not a text, so that logs, JSON, error messages and `inspect` show
 * `[Function]` or nothing where somebody prints an object that holds it.
 */
export type Secret = () => string

export const secret =
  (text: string): Secret =>
  () =>
    text
