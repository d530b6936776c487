/**
 * Builds the templates of a stage for the tests, and reads values from them.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll } from 'vitest'
import { type Built, buildApp } from '../app.js'
import type { Choice } from '../choice.js'
import { CONFIGS, NATS_CHOICES, STAGES, type StageConfig } from '../config.js'

export type Resource = {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is whatever CloudFormation says
  readonly Properties: any
  readonly DependsOn?: string[]
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is whatever CloudFormation says
  readonly [more: string]: any
}

export type Templates = Readonly<
  Record<'foundation' | 'tables' | 'network' | 'services' | 'watch', Template>
> & {
  readonly nats: Template | undefined
  readonly built: Built
  /** Every resource of every stack, by stack and logical id. */
  readonly all: readonly (readonly [string, Resource])[]
}

export const CHOICES: readonly Choice[] = STAGES.flatMap(stage => NATS_CHOICES.map(nats => ({ stage, nats })))

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/**
 * Builds the stacks of a stage. What a synthesis writes goes to a temporary folder, which is removed after the last test
 * of the spec.
 */
export const buildForTest = (choice: Choice, config?: StageConfig, is_checked = true): Built => {
  const outdir = mkdtempSync(join(tmpdir(), 'jetledger-cdk-'))
  folders.push(outdir)
  return buildApp(choice, { outdir }, config, is_checked)
}

/** Builds the templates of a stage. A test of a configuration value changes it with `changes`. */
export const templatesOf = (choice: Choice, changes: Partial<StageConfig> = {}): Templates => {
  const built = buildForTest(choice, { ...CONFIGS[choice.stage], ...changes }, false)
  const { foundation, tables, network, nats, services, watch } = built
  const templates = {
    foundation: Template.fromStack(foundation),
    tables: Template.fromStack(tables),
    network: Template.fromStack(network),
    services: Template.fromStack(services),
    watch: Template.fromStack(watch),
    nats: nats && Template.fromStack(nats),
  }
  const all = Object.entries(templates).flatMap(([stack, template]) =>
    Object.entries((template?.toJSON().Resources ?? {}) as Record<string, Resource>).map(
      ([id, resource]) => [`${stack}/${id}`, resource] as const,
    ),
  )
  return { ...templates, built, all }
}

/** The resources of a type in all stacks, each with its stack and logical id. */
export const ofType = (templates: Templates, type: string): readonly (readonly [string, Resource])[] =>
  templates.all.filter(([, { Type }]) => Type === type)

/** A value of a template as text. A reference becomes the name of its target in angle brackets. */
export const textOf = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return String(value)
  const [[name, argument] = ['', '']] = Object.entries(value) as [string, unknown][]
  if (name === 'Fn::Base64') return textOf(argument)
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(textOf).join('')
  return `<${[argument].flat().map(textOf).join('.')}>`
}
