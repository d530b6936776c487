/** Measures the CPU time of processes, so that a run can tell which of them used the machine. It works on Linux only. */

import { readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10
const BYTES_PER_KB = 1_024

/** User and system time of a process in ms; undefined when the system does not provide it. */
const own_cpu_ms = (pid: number): number | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the process name, in brackets, may contain spaces and brackets
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return undefined
  }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** The time of a process and of the children that it has now: PostgreSQL has a process for each connection. */
const cpu_ms = (pid: number): number | undefined => {
  const own = own_cpu_ms(pid)
  return own === undefined
    ? undefined
    : childrenOf(pid).reduce((sum, child) => sum + (cpu_ms(child) ?? 0), own)
}

/** The memory of a process that is in use now (RSS), in bytes; undefined when the system does not provide it. */
export const memory_bytes = (pid: number): number | undefined => {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return found === undefined ? undefined : Number(found) * BYTES_PER_KB
  } catch {
    return undefined
  }
}

export type CpuGroups = Readonly<Record<string, readonly number[]>>
/** The CPU use by group, in cores: 1 is one core all the time. */
export type CpuUse = Readonly<Record<string, number>>

const sums = (groups: CpuGroups): Record<string, number> =>
  Object.fromEntries(
    Object.entries(groups).flatMap(([name, pids]) => {
      const times = pids.flatMap(pid => cpu_ms(pid) ?? [])
      return times.length === pids.length ? [[name, times.reduce((sum, time) => sum + time, 0)]] : []
    }),
  )

/** Begins to measure; the returned function gives the CPU use since then. */
export const watchCpu = (groups: CpuGroups): (() => CpuUse) => {
  const began_ms = performance.now()
  const before = sums(groups)
  return () => {
    const elapsed_ms = performance.now() - began_ms
    return Object.fromEntries(
      Object.entries(sums(groups)).map(([name, after]) => [
        name,
        (after - (before[name] ?? after)) / elapsed_ms,
      ]),
    )
  }
}
