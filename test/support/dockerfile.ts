/**
 * Performs a Dockerfile's stages in folders, without Docker: each stage's root is a folder, and absolute paths lie below it.
 * An unknown instruction is an error, so that no part of the Dockerfile stays untested.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Image = {
  /** The folder that is the image's `/`. */
  readonly root: string
  readonly workdir: string
  readonly base: string
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly healthcheck: readonly string[]
  readonly volumes: readonly string[]
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
type Stage = Mutable<Image>
type Instruction = { readonly name: string; readonly rest: string }

const STAND_INS = fileURLToPath(new URL('machine', import.meta.url))
const RUN_TIMEOUT_MS = 120_000
/** The only variables that a build gets from the machine: they lead to the package registry. */
const PASSED_ON =
  /^(HOME|npm_config_(registry|cache|userconfig|cafile|noproxy|(https?_)?proxy)|https?_proxy|no_proxy)$/i

const instructionsOf = (text: string): Instruction[] =>
  text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => /^(\w+)\s+(.*)$/.exec(line) ?? ['', line, ''])
    .map(([, name = '', rest = '']) => ({ name, rest }))

const execForm = (rest: string): string[] => JSON.parse(rest) as string[]

/** A pattern of .dockerignore, which also matches everything below a matching folder. */
const pattern = (text: string): RegExp => {
  const parts = text
    .split('**/')
    .map(part => part.replace(/[.+^$()|[\]{}\\]/g, '\\$&').replaceAll('*', '[^/]*'))
  return new RegExp(`^${parts.join('(.*/)?')}(/.*)?$`)
}

/** Returns whether a path of the context reaches the build; the last matching rule decides. */
const createFilter = (context: string): ((path: string) => boolean) => {
  const rules = readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
    .map(line => ({ keeps: line.startsWith('!'), fits: pattern(line.replace(/^!/, '')) }))
  return path => rules.filter(({ fits }) => fits.test(path)).at(-1)?.keeps ?? true
}

const labelsOf = (rest: string): Record<string, string> =>
  Object.fromEntries([...rest.matchAll(/([\w.]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))

const emptyStage = (root: string, base: string): Stage => ({
  root,
  base,
  workdir: '/',
  env: {},
  labels: {},
  user: 'root',
  entrypoint: [],
  cmd: [],
  healthcheck: [],
  volumes: [],
})

/** Builds the last stage from the context, into a folder below `folder`. Throws the error of a failed command, with output. */
export const performDockerfile = (context: string, folder: string): Image => {
  const args: Record<string, string> = {}
  const stages = new Map<string, Stage>()
  const reaches = createFilter(context)
  const expanded = (text: string): string => text.replace(/\$\{?(\w+)\}?/g, (all, name) => args[name] ?? all)
  let stage = emptyStage('', '')

  const copy = (rest: string): void => {
    const [, from, paths = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest) ?? []
    const names = paths.split(/\s+/)
    const target = resolve(stage.workdir, names.pop() ?? '')
    const source = from === undefined ? context : (stages.get(from)?.root ?? '')
    for (const name of names) {
      const is_folder = names.length === 1 && !paths.endsWith('/')
      const to = join(stage.root, is_folder ? target : join(target, name.split('/').at(-1) ?? ''))
      cpSync(join(source, name), to, {
        recursive: true,
        filter: path => from !== undefined || reaches(path.slice(context.length + 1)),
      })
    }
  }

  const run = (command: string): void => {
    const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))
    execFileSync('sh', ['-c', command.replace(/ (\/(?:run|app|etc|var)\/)/g, ` ${stage.root}$1`)], {
      cwd: join(stage.root, stage.workdir),
      env: {
        ...Object.fromEntries(passed),
        ...stage.env,
        PATH: [STAND_INS, dirname(process.execPath), process.env.PATH].join(delimiter),
      },
      stdio: 'pipe',
      timeout: RUN_TIMEOUT_MS,
    })
  }

  const perform: Readonly<Record<string, (rest: string) => void>> = {
    ARG: rest => {
      const [name = '', value = ''] = expanded(rest).split('=')
      args[name] = value
    },
    FROM: rest => {
      const [, base = '', name = `stage-${stages.size}`] =
        /^(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? []
      stage = emptyStage(join(folder, name), expanded(base))
      mkdirSync(stage.root, { recursive: true })
      stages.set(name, stage)
    },
    WORKDIR: rest => {
      stage.workdir = rest
      mkdirSync(join(stage.root, rest), { recursive: true })
    },
    COPY: copy,
    RUN: run,
    ENV: rest => {
      const [name = '', value = ''] = rest.split('=')
      stage.env = { ...stage.env, [name]: value }
    },
    LABEL: rest => {
      stage.labels = labelsOf(expanded(rest))
    },
    USER: rest => {
      stage.user = rest
    },
    VOLUME: rest => {
      stage.volumes = [...stage.volumes, rest]
    },
    HEALTHCHECK: rest => {
      stage.healthcheck = execForm(rest.slice(rest.indexOf('[')))
    },
    ENTRYPOINT: rest => {
      stage.entrypoint = execForm(rest)
    },
    CMD: rest => {
      stage.cmd = execForm(rest)
    },
    EXPOSE: () => undefined,
    STOPSIGNAL: rest => {
      if (rest !== 'SIGTERM') throw new Error(`the program stops on SIGTERM, not on ${rest}`)
    },
  }

  for (const { name, rest } of instructionsOf(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const step = perform[name]
    if (step === undefined) throw new Error(`the Dockerfile has ${name}, which this does not know`)
    step(rest)
  }
  return stage
}

/** The paths of all files below a folder, relative to it. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
