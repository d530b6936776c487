/**
 * Reads a text again from time to time, so that a running process takes what is new in it.
 *
 * The whole text is compared, and not the time of its file: two versions of a file may have the same time and length,
 * and a file that is replaced between its first reading and the first look at its time would seem unchanged for ever.
 * A watch by the operating system hears nothing of a file that is replaced by another of the same name.
 */

export type WatchedText = { readonly stop: () => void }

/** Gives the text that was read, or throws what its reading threw. */
type ReadText = () => string

/**
 * Calls `onChange` after each change of the text that `read` gives, which was `first` before; also when it cannot be
 * read any more, or for another reason. The text should be small: it is read as a whole every `interval_ms`.
 */
export const watchText = (
  first: string,
  read: ReadText,
  interval_ms: number,
  onChange: (read: ReadText) => void,
): WatchedText => {
  let before = `text ${first}`
  const look = (): void => {
    let found: string
    let again: ReadText
    try {
      const text = read()
      found = `text ${text}`
      again = () => text
    } catch (error) {
      found = `error ${String(error)}`
      again = () => {
        throw error
      }
    }
    if (found === before) return
    before = found
    onChange(again)
  }
  const timer = setInterval(look, interval_ms)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
