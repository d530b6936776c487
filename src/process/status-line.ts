/**
 * The one line at the bottom of a terminal that is redrawn while work goes on. Everything else that is printed hides it first,
 * so that the two never share a line; the next redraw shows it again.
 */

/**
 * Moves to the beginning of the line and clears it. A line of the log begins with it, because a thread beside the main one
 * cannot know whether a line is drawn.
 */
export const CLEAR_LINE = '\r\u001b[2K'
const COLUMNS_DEFAULT = 80

let is_shown = false

/** Draws the line in place of the one before. A line that were wider than the terminal would scroll instead. */
export const drawStatusLine = (text: string): void => {
  const columns = process.stderr.columns || COLUMNS_DEFAULT
  process.stderr.write(`${CLEAR_LINE}${text.slice(0, columns - 1)}`)
  is_shown = true
}

/** Clears the line, if there is one. */
export const hideStatusLine = (): void => {
  if (!is_shown) return
  is_shown = false
  process.stderr.write(CLEAR_LINE)
}
