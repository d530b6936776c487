/**
 * Shows the progress of a chaos run on standard error: one line that is redrawn on a terminal, plain lines elsewhere.
 */

import type { ChaosEvent, OnEvent } from '../chaos/run.js'
import { tell } from '../process/output.js'

export type Live = {
  readonly hear: OnEvent
  readonly end: () => void
}

/** Without a terminal one line is printed in this number of seconds. */
const PLAIN_EVERY = 10

const clock = (ms: number): string => {
  const s = Math.round(ms / 1_000)
  return `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`
}
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

const momentLine = ({ at_ms, fault, moment }: ChaosEvent & { tag: 'moment' }): string => {
  const { done, failed, since_credit_ms } = moment
  const trouble = failed === 0 ? '' : `, ${failed}/s not`
  return `${clock(at_ms)}  ${(fault || 'well').padEnd(20)} ${done}/s done${trouble}, last credit ${seconds(since_credit_ms)} ago`
}

const lineOf = (event: Exclude<ChaosEvent, { tag: 'moment' }>): string => {
  switch (event.tag) {
    case 'phase':
      return event.text
    case 'planned':
      return `${event.slots.length} faults are planned`
    case 'fault':
      return `${event.slot.fault} for ${seconds(event.slot.for_ms)}: ${event.what}`
    case 'well': {
      const { fault, credit_ms, read_ms, well_after_ms, problems } = event.turn
      const problem_texts = problems.map(problem => `; PROBLEM: ${problem}`).join('')
      return `${fault} is over: no credit for ${seconds(credit_ms)}, no read for ${seconds(read_ms)}, well ${seconds(well_after_ms)} after the healing${problem_texts}`
    }
  }
}

/** Begins to show the progress. `hear` takes the events of the run, and `end` clears the line. */
export const startLive = (): Live => {
  const { isTTY } = process.stderr
  let is_drawn = false
  let moments = 0
  const clear = (): void => {
    if (is_drawn) process.stderr.write('\r\u001b[2K')
    is_drawn = false
  }
  const draw = (line: string): void => {
    process.stderr.write(`\r\u001b[2K${line}`)
    is_drawn = true
  }
  return {
    hear: event => {
      if (event.tag !== 'moment') {
        clear()
        tell(lineOf(event))
        return
      }
      moments += 1
      if (isTTY) draw(momentLine(event))
      else if (moments % PLAIN_EVERY === 0) tell(momentLine(event))
    },
    end: clear,
  }
}
