/**
 * Programs that run once, as tasks without a service: their exit code is the task's. `infra/run-task.sh` runs one.
 */

import type { Construct } from 'constructs'
import type { OneOff } from '../names.js'
import { JetledgerTask, type TasksShare } from './task.js'

/** `replay` and `verify` fold the whole stream. */
const SIZE = { cpu: 1_024, memory_mib: 4_096 }

const COMMANDS: Readonly<Record<OneOff, readonly string[]>> = {
  seed: ['seed', '--json'],
  replay: ['replay', '--json'],
  verify: ['verify', '--json'],
}

/** The task definition of one of them; other arguments can be given when it is run. */
export const addOneOff = (scope: Construct, role: OneOff, share: TasksShare): JetledgerTask =>
  new JetledgerTask(scope, role, {
    ...share,
    role,
    size: SIZE,
    command: COMMANDS[role],
    environment: {},
    is_service: false,
  })
