/**
 * Task definitions for programs that run once, without a service. The exit code of the program is the exit code of the
 * task. `infra/run-task.sh` runs one.
 */

import type { Construct } from 'constructs'
import type { OneOff } from '../names.js'
import { JetledgerTask, type TasksShare } from './task.js'

/** A large size, because `replay` and `verify` fold the whole stream. */
const SIZE = { cpu: 1_024, memory_mib: 4_096 }

const COMMANDS: Readonly<Record<OneOff, readonly string[]>> = {
  seed: ['seed', '--json'],
  replay: ['replay', '--json'],
  verify: ['verify', '--json'],
  operator: ['stream', 'apply', '--heads'],
  // the file is named when the task is started
  importer: ['import', '--help'],
}

/** Adds the task definition of one program; other arguments can be given when the task is started. */
export const addOneOff = (scope: Construct, role: OneOff, share: TasksShare): JetledgerTask =>
  new JetledgerTask(scope, role, {
    ...share,
    role,
    size: SIZE,
    command: COMMANDS[role],
    environment: {},
    has_scratch: role === 'importer',
    is_service: false,
  })
