import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CONFIGS } from './config.js'
import { infraFile } from './repository-root.js'
import { ofType, templatesOf, textOf } from './testing/templates.js'

const SECONDS = /^(?:(\d+)min)?\s*(\d+)?s?$/

describe.each(['dev', 'prod'] as const)('the NATS nodes of %s', stage => {
  const templates = templatesOf({ stage, nats: 'self-hosted' })
  const groups = ofType(templates, 'AWS::AutoScaling::AutoScalingGroup')
  const volumes = ofType(templates, 'AWS::EC2::Volume').map(([, volume]) => volume)
  const launches = ofType(templates, 'AWS::EC2::LaunchTemplate').map(
    ([, { Properties }]) => Properties.LaunchTemplateData,
  )

  it('are three groups of one, a subnet each', () => {
    expect(groups).toHaveLength(3)
    const subnets = groups.map(([, { Properties }]) => Properties.VPCZoneIdentifier.map(textOf))
    expect(new Set(subnets.flat()).size).toBe(3)
    for (const [, { Properties }] of groups) {
      expect([Properties.MinSize, Properties.MaxSize, Properties.VPCZoneIdentifier.length]).toEqual([
        '1',
        '1',
        1,
      ])
    }
  })

  it('have a volume each in their zone, encrypted, which outlives the stack in every stage', () => {
    expect(volumes.map(({ Properties }) => Properties.AvailabilityZone)).toEqual(CONFIGS[stage].zones)
    for (const { Properties, DeletionPolicy, UpdateReplacePolicy } of volumes) {
      expect(Properties).toMatchObject({ Encrypted: true, VolumeType: 'gp3' })
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['Retain', 'Retain'])
    }
  })

  it('are replaced one after the other, each when the one before has signalled', () => {
    groups.forEach(([, group], i) => {
      expect(group.CreationPolicy).toEqual({ ResourceSignal: { Count: 1, Timeout: 'PT15M' } })
      expect(group.UpdatePolicy.AutoScalingRollingUpdate).toMatchObject({
        MaxBatchSize: 1,
        MinInstancesInService: 0,
        WaitOnResourceSignals: true,
        PauseTime: 'PT15M',
      })
      const before = groups[i - 1]?.[0].split('/')[1]
      if (before !== undefined) expect(group.DependsOn).toContain(before)
    })
  })

  it('answer for their metadata to a token only, and have no public address', () => {
    for (const launch of launches) {
      expect(launch.MetadataOptions).toMatchObject({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 })
      expect(JSON.stringify(launch)).not.toContain('AssociatePublicIpAddress')
      expect(launch.KeyName).toBeUndefined()
    }
  })

  it('have names of their own that every node knows', () => {
    const scripts = launches.map(({ UserData }) => textOf(UserData))
    scripts.forEach((script, i) => {
      const name = `nats-${'abc'[i]}`
      expect(script.startsWith('#!/bin/bash\n')).toBe(true)
      expect(script).toContain(`server_name: "jetledger-${stage}-${name}"`)
      for (const letter of 'abc')
        expect(script).toContain(`"tls://nats-${letter}.${stage}.jetledger.internal:6222"`)
      expect(script).toContain('sync_interval: always')
      // the limit of EC2
      expect(Buffer.byteLength(script)).toBeLessThan(16_384)
    })
    const names = ofType(templates, 'AWS::ServiceDiscovery::Service').map(
      ([, { Properties }]) => Properties.Name,
    )
    expect(names).toEqual(['nats-a', 'nats-b', 'nats-c'])
    const [[, namespace] = ['', undefined]] = ofType(templates, 'AWS::ServiceDiscovery::PrivateDnsNamespace')
    expect(namespace?.Properties.Name).toBe(`${stage}.jetledger.internal`)
  })

  it('get no comments, so that an edited comment replaces no node', () => {
    for (const { UserData } of launches) expect(textOf(UserData)).not.toMatch(/^\s*#(?!!)/m)
  })

  it('signal for the group that they belong to', () => {
    const signalled = launches.map(({ UserData }) => /^GROUP='(.*)'$/m.exec(textOf(UserData))?.[1])
    expect(signalled).toEqual(groups.map(([id]) => id.split('/')[1]))
  })
})

describe('the unit of nats-server', () => {
  const unit = infraFile('nats', 'nats.service')
  const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''

  it('ends in lame duck mode, and is given longer for it than the server takes', () => {
    expect(setting('KillSignal')).toBe('SIGUSR2')
    const [, minutes = '0', seconds = '0'] = SECONDS.exec(setting('TimeoutStopSec')) ?? []
    const lame_duck_s = Number(/lame_duck_duration: "(\d+)s"/.exec(infraFile('nats', 'conf.ts'))?.[1])
    expect(Number(minutes) * 60 + Number(seconds)).toBeGreaterThan(lame_duck_s)
  })

  it('starts again whatever happens, and may do little else', () => {
    expect(setting('Restart')).toBe('always')
    for (const name of [
      'NoNewPrivileges',
      'ProtectHome',
      'PrivateTmp',
      'PrivateDevices',
      'RestrictNamespaces',
    ]) {
      expect(setting(name), name).toBe('true')
    }
    expect([setting('ProtectSystem'), setting('ReadWritePaths'), setting('CapabilityBoundingSet')]).toEqual([
      'strict',
      '/var/lib/nats',
      '',
    ])
    expect(setting('User')).toBe('nats')
  })
})

it.each([
  ['', false],
  ['# operator: none\nsystem_account: A', false],
  ['operator:\nresolver: MEMORY', false],
  ['operator: eyJ0\nresolver: MEMORY', true],
])('a node with the auth.conf %j boots: %s', (text, boots) => {
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-test-'))
  writeFileSync(join(folder, 'auth.conf'), text)
  const [check = ''] = /^require_logins\(\) \{[^}]+\n\}/m.exec(infraFile('nats', 'boot.sh')) ?? []
  const script = `${check.replaceAll('/etc/nats/secrets', folder)}\nrequire_logins`
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  expect(status).toBe(boots ? 0 : 1)
  expect(stderr.includes('everybody could connect')).toBe(!boots)
})
