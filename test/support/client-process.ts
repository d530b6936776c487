/** Runs a client of the command side in a process of its own (command-client.mjs). */

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Workbench } from './program.js'

const IN_FLIGHT = 8
const CLIENT = fileURLToPath(new URL('./command-client.mjs', import.meta.url))

export type ClientRequest = { readonly subject: string; readonly body: string }

/** Sends the requests, several at a time; returns the bodies of the answers in the same order. */
export const runClientProcess = async (
  bench: Workbench,
  url: string,
  requests: readonly ClientRequest[],
): Promise<readonly string[]> => {
  const child = spawn(process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] })
  bench.atEnd(() => {
    child.kill('SIGKILL')
  })
  child.stdin.end(JSON.stringify({ url, in_flight: IN_FLIGHT, requests }))
  return JSON.parse(await text(child.stdout)) as string[]
}
