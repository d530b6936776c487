/**
 * Boots a node's user-data as an instance, as cloud-init would: in a folder of its own, as this user. The folder `machine`
 * holds stand-ins for programs that belong to AWS or need root (aws, mount, systemctl); everything else is real.
 */

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { identityOf } from '../../src/embedded/process-identity.js'
import { startReaper } from '../../src/embedded/reaper.js'
import { killNow } from './program.js'
import { until } from './servers.js'

export type Machine = {
  /** Waits for the script's end. Throws with its output when it did not signal SUCCESS to CloudFormation. */
  readonly booted: () => Promise<void>
  /** The pid of nats-server; undefined when it does not run. */
  readonly pid: () => number | undefined
  /** Ends nats-server as systemd would, with the unit's KillSignal, then removes the instance and its disk. */
  readonly terminate: () => Promise<void>
  /** Ends everything at once. */
  readonly destroy: () => void
  /** Runs the probe that the timer starts every minute, and returns what it sent to the log stream of this name. */
  readonly probe: (node: string) => unknown
}

export type MachineProps = {
  readonly instance_id: string
  /** The folder of the state that AWS keeps; the stand-ins read and write it. */
  readonly cloud_folder: string
  /** Makes the script from the instance's folder and the address of its metadata service. */
  readonly script: (root: string, metadata: string) => string
}

const STAND_INS = fileURLToPath(new URL('machine', import.meta.url))
const BOOT_MS_MAX = 90_000
/** Longer than the unit's TimeoutStopSec. */
const STOP_MS_MAX = 65_000

/** Starts an instance's metadata service, which requires a token, as IMDSv2 does. */
const startMetadata = async (instance_id: string): Promise<{ address: string; close: () => void }> => {
  const token = '/latest/api/token'
  const answers: Record<string, string> = {
    [token]: 'a token',
    '/latest/meta-data/instance-id': instance_id,
    '/latest/meta-data/local-ipv4': '127.0.0.1',
  }
  const server = createServer(({ url = '', method, headers }, response) => {
    const may = url === token ? method === 'PUT' : headers['x-aws-ec2-metadata-token'] === answers[token]
    response.writeHead(may && url in answers ? 200 : 401).end(may ? answers[url] : '')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, close: () => server.close() }
}

const readIf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')

/** False for a zombie too: it has ended, and only its parent has not collected it yet. */
const isAlive = (pid: number): boolean =>
  !['', 'Z'].includes(readIf(`/proc/${pid}/stat`).split(') ')[1]?.[0] ?? '')

/** Boots an instance; the caller ends it. */
export const startMachine = async ({ instance_id, cloud_folder, script }: MachineProps): Promise<Machine> => {
  const root = join(cloud_folder, instance_id)
  for (const path of ['etc/systemd/system', 'usr/local/bin', 'var/lib']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  const metadata = await startMetadata(instance_id)
  const user_data = join(root, 'user-data')
  writeFileSync(user_data, script(root, metadata.address), { mode: 0o755 })
  const env = {
    ...process.env,
    PATH: `${STAND_INS}${delimiter}${process.env.PATH}`,
    CLOUD: cloud_folder,
    MACHINE: root,
  }
  const output = join(root, 'output')
  const boot = spawn('bash', ['-c', `exec "${user_data}" >"${output}" 2>&1`], { env, stdio: 'ignore' })
  let code: number | null | undefined
  boot.on('exit', how => {
    code = how
  })

  // nats-server is a daemon: without the reaper it would outlive its script and a killed test process
  const reaper = startReaper(() => undefined)
  const pid = (): number | undefined => {
    const text = readIf(join(root, 'nats.service.pid'))
    return text !== '' && isAlive(Number(text)) ? Number(text) : undefined
  }
  const booted = async (): Promise<void> => {
    const ended = () => code !== undefined
    await until(ended, { deadline_ms: BOOT_MS_MAX, what: `${instance_id} to boot` }).catch(() => undefined)
    const said = readIf(join(cloud_folder, `signal-${instance_id}`)).trim()
    const running = pid()
    if (running !== undefined) reaper.add(running, identityOf(running) ?? '')
    if (said === 'SUCCESS' && code === 0) return
    throw new Error(`the boot ended with ${code} and signal "${said}":\n${readIf(output).slice(-3_000)}`)
  }
  const destroy = (): void => {
    boot.kill('SIGKILL')
    metadata.close()
    const running = pid()
    if (running !== undefined) killNow(running)
    reaper.done()
  }
  const terminate = async (): Promise<void> => {
    const unit = readFileSync(join(root, 'etc/systemd/system/nats.service'), 'utf8')
    const signal = /^KillSignal=(\w+)$/m.exec(unit)?.[1]
    process.kill(pid() ?? 0, signal)
    await until(() => pid() === undefined, { deadline_ms: STOP_MS_MAX, what: `${instance_id} to end` })
    destroy()
    rmSync(root, { recursive: true })
  }
  const probe = (node: string): unknown => {
    execFileSync(join(root, 'usr/local/bin/nats-probe'), { env })
    const [event] = JSON.parse(readIf(join(cloud_folder, `log-${node}`))) as { message: string }[]
    return JSON.parse(event?.message ?? '')
  }
  return { booted, pid, terminate, destroy, probe }
}
