/**
 * Reads a file again whenever it changes, so that a running process takes what is new in it.
 *
 * The file is looked at from time to time and not watched: a file that is replaced, as Kubernetes and most tools do it, is
 * another file under the same name, of which a watch of the first one hears nothing.
 */

import { stat } from 'node:fs/promises'

export type WatchedFile = { readonly stop: () => void }

/** What tells a file from the one that was there before; a file that cannot be looked at is none. */
const versionOf = async (path: string): Promise<string> => {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return 'none'
  }
}

/** Calls `onChange` after each change of the file at `path`, also when it was removed. It never throws. */
export const watchFile = (path: string, interval_ms: number, onChange: () => void): WatchedFile => {
  let is_stopped = false
  let timer: NodeJS.Timeout | undefined
  const first = versionOf(path)

  const look = async (before: string): Promise<void> => {
    const now = await versionOf(path)
    if (is_stopped) return
    if (now !== before) onChange()
    lookLater(now)
  }
  const lookLater = (before: string): void => {
    timer = setTimeout(() => void look(before), interval_ms)
    timer.unref()
  }
  void first.then(version => {
    if (!is_stopped) lookLater(version)
  })

  return {
    stop: () => {
      is_stopped = true
      clearTimeout(timer)
    },
  }
}
