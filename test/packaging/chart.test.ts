// Real: the chart, rendered with Helm's engine and decoded strictly into Kubernetes's types; the services' own reading of their
// configuration. Doubled: the cluster; Secrets and ConfigMaps are files. Failure: a manifest that a cluster would refuse, a variable that no
// service has, a service that would not start, a secret that can get into a manifest, a pod that may do more than it must.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { variables as ingestorVariables, readConfig as readIngestor } from '@bridge/ingestor/config'
import type { Variable } from '@bridge/runtime/config'
import { variables as gatewayVariables, readConfig as readGateway } from '@bridge/webhook-gateway/config'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import {
  buildMsMax,
  buildRenderer,
  type Container,
  chart,
  isGoInstalled,
  type Manifest,
  type Rendered,
  render,
} from './render.ts'

const examples = readdirSync(join(chart, 'examples')).map((name) => join(chart, 'examples', name))
const minimal = parse(readFileSync(join(chart, 'examples/minimal.yaml'), 'utf8')) as {
  common: { env: object }
  ingestor: { env: object }
  gateway: object
}
const variablesOf: Record<string, Record<string, Variable<unknown>>> = {
  ingestor: ingestorVariables,
  'webhook-gateway': gatewayVariables,
}
const hasGo = isGoInstalled()

describe.skipIf(!hasGo)(`the chart${hasGo ? '' : ' (go is not installed)'}`, () => {
  let program = ''
  let all: Rendered[] = []

  beforeAll(() => {
    program = buildRenderer()
    all = render(program, examples)
  }, buildMsMax)

  const pods = (manifests: Manifest[]) =>
    manifests
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map((workload) => {
        const [container] = workload.spec.template.spec.containers as [Container]
        return {
          workload,
          template: workload.spec.template,
          container,
          service: workload.spec.template.metadata.labels['app.kubernetes.io/component'] as string,
        }
      })

  test('every example is what Kubernetes takes, field by field', () => {
    expect(all.map(({ problems }) => problems)).toEqual(examples.map(() => []))
    const kinds = (one: Rendered | undefined) => one?.manifests.map(({ kind }) => kind).sort()
    const [small, secured, several] = ['minimal', 'secured', 'several-organizations'].map((name) =>
      all.find(({ values }) => values.endsWith(`/${name}.yaml`)),
    )
    const always = ['Deployment', 'PodDisruptionBudget', 'PodDisruptionBudget', 'Service', 'Service', 'StatefulSet']
    expect(kinds(small)).toEqual(always)
    expect(kinds(several)).toEqual(always)
    expect(kinds(secured)).toEqual(
      [...always, 'Ingress', 'NetworkPolicy', 'NetworkPolicy', 'PodMonitor', 'PodMonitor'].sort(),
    )
  })

  test('a field that Kubernetes does not know is found: the check can fail', () => {
    const folder = mkdtempSync(join(tmpdir(), 'chart-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(chart, folder, { recursive: true })
    const file = join(folder, 'templates/ingestor.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('  replicas:', '  replica:'))
    const [one] = render(program, [minimal], folder)
    expect(one?.problems).toEqual([expect.stringMatching(/ingestor\.yaml: .*unknown field "replica"/)])
  })

  test('each service reads its variables, and would start with them', () => {
    for (const { manifests } of all) {
      for (const { container, service } of pods(manifests)) {
        const folder = mkdtempSync(join(tmpdir(), 'mounted-'))
        onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
        const variables = variablesOf[service] ?? {}
        const other = service === 'ingestor' ? gatewayVariables : ingestorVariables
        const env: Record<string, string> = {}
        for (const { name, value } of container.env) {
          const ofSecret = name.endsWith('_FILE') ? variables[name.slice(0, -'_FILE'.length)] : undefined
          expect([name, name in variables || ofSecret?.secret === true || name in other]).toEqual([name, true])
          env[name] = value.replace(/^\/(?=etc\/partoo|var\/lib)/, `${folder}/`)
          if (env[name] === value) continue
          mkdirSync(dirname(env[name]), { recursive: true })
          if (name.includes('CA_FILE')) writeFileSync(env[name], rootCertificates[0] ?? '')
          else if (name === 'PARTOO_CHANNELS_FILE') writeFileSync(env[name], channelsFile)
          else if (name !== 'WEBHOOK_SPOOL_DIR') writeFileSync(env[name], 'planted')
        }
        const read = service === 'ingestor' ? readIngestor(env) : readGateway(env)
        expect(read).toMatchObject({ kind: 'read' })
        if (read.kind === 'read') {
          const graceMs = pods(manifests)[0]?.template.spec.terminationGracePeriodSeconds * 1_000
          expect(read.config.stopDeadlineMs).toBeLessThan(graceMs - 5_000)
          const port = container.ports.find(({ name }) => name === 'admin')?.containerPort
          expect(read.config.admin.port).toBe(port)
        }
      }
    }
  })

  test('no secret is a value: every secret variable is refused, and what the chart sets itself too', () => {
    const secrets = new Set(
      Object.values(variablesOf).flatMap((variables) =>
        Object.entries(variables)
          .filter(([, { secret, shown }]) => secret && shown === undefined)
          .map(([name]) => name),
      ),
    )
    expect(secrets.size).toBeGreaterThan(3)
    const set = [
      'ADMIN_PORT',
      'ADMIN_HOST',
      'WEBHOOK_PORT',
      'WEBHOOK_HOST',
      'WEBHOOK_SPOOL_DIR',
      'WEBHOOK_SPOOL_MAX_BYTES',
    ]
    const withEnv = (name: string) => ({ ...minimal, common: { env: { ...minimal.common.env, [name]: 'planted' } } })
    const refused = render(program, [...secrets, ...set].map(withEnv))
    for (const [i, { problems }] of refused.entries()) {
      const name = [...secrets, ...set][i]
      expect(problems.join()).toContain(`env.${name}`)
      expect(problems.join()).not.toContain('planted')
    }
    for (const { manifests } of all) {
      expect(manifests.some(({ kind }) => kind === 'Secret')).toBe(false)
      expect(JSON.stringify(manifests)).not.toMatch(/secretKeyRef|"stringData"/)
    }
  })

  test('numbers reach the services as they are written', () => {
    const written = {
      PARTOO_ORG_ID: 1234567,
      ADMITTED_BYTES_MAX: 134217728,
      ADMITTED_MAX: 9007199254740991,
      SHARE: 0.5,
    }
    const [one] = render(program, [{ ...minimal, common: { env: { ...minimal.common.env, ...written } } }])
    expect(one?.problems).toEqual([])
    for (const { container } of pods(one?.manifests ?? [])) {
      const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]))
      for (const [name, value] of Object.entries(written)) expect(env[name]).toBe(String(value))
    }
  })

  test('keys of Partoo’s API are the ingestor’s alone', () => {
    const several = all.find(({ values }) => values.endsWith('/several-organizations.yaml'))?.manifests ?? []
    const withKeys = pods(several).filter(({ template }) =>
      JSON.stringify(template.spec.volumes).includes('partoo-keys'),
    )
    expect(withKeys.map(({ service }) => service)).toEqual(['ingestor'])
  })

  test('where the platform chooses the ids of users, none is asked for', () => {
    const podSecurityContext = { runAsUser: null, runAsGroup: null, fsGroup: null }
    const [one] = render(program, [{ ...minimal, podSecurityContext }])
    expect(one?.problems).toEqual([])
    for (const { template } of pods(one?.manifests ?? [])) {
      expect(template.spec.securityContext).toEqual({
        runAsNonRoot: true,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      })
    }
  })

  test.each([
    ['a misspelt value', { ingestor: { replica: 3 } }, /replica/],
    [
      'a number that YAML cannot hold',
      { ingestor: { env: { PARTOO_ORG_ID: 12345678901234567890n } } },
      /env\.PARTOO_ORG_ID is a number too large to be exact in YAML: put it into quotes/,
    ],
    [
      'a proxy with a login',
      { ingestor: { env: { HTTPS_PROXY: 'http://user:planted@proxy:3128' } } },
      /^(?!.*planted).*files\.HTTPS_PROXY_FILE/s,
    ],
    [
      'a Secret and a ConfigMap of one name',
      { ingestor: { mounts: [{ secret: 'partoo' }, { configMap: 'partoo' }] } },
      /partoo is named both as a Secret and as a ConfigMap/,
    ],
    ['no brokers', { common: { env: { KAFKA_BROKERS: '' } } }, /KAFKA_BROKERS/],
    ['a file of nowhere', { ingestor: { files: { PARTOO_API_KEY_FILE: { key: 'x' } } } }, /PARTOO_API_KEY_FILE/],
    [
      'a public name that is missing',
      { gateway: { ingress: { enabled: true } } },
      /gateway\.ingress\.host is the public name/,
    ],
  ])('refused: %s', (_, values, words) => {
    const [one] = render(program, [{ ...minimal, ...values }])
    expect(one?.problems.join()).toMatch(words)
  })

  test('pods may do nothing that they need not, and are watched where the services answer', () => {
    for (const { manifests } of all) {
      for (const { template, container } of pods(manifests)) {
        expect(template.spec).toMatchObject({
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        })
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources.limits.memory).toMatch(/Mi$/)
        const paths = { livenessProbe: '/healthz', startupProbe: '/healthz', readinessProbe: '/readyz' } as const
        for (const [probe, path] of Object.entries(paths) as [keyof typeof paths, string][]) {
          expect(container[probe].httpGet).toEqual({ path, port: 'admin' })
        }
        const volumes = [
          ...template.spec.volumes,
          ...(manifests.find(({ kind }) => kind === 'StatefulSet')?.spec.volumeClaimTemplates ?? []).map(
            (claim: Manifest) => claim.metadata,
          ),
        ]
        const names = volumes.map(({ name }: { name: string }) => name)
        for (const mount of container.volumeMounts) expect(names).toContain(mount.name)
        expect(new Set(container.volumeMounts.map(({ mountPath }) => mountPath)).size).toBe(
          container.volumeMounts.length,
        )
      }
    }
  })

  test('what selects pods selects those that are meant, and ports are theirs', () => {
    for (const { manifests } of all) {
      for (const { kind, metadata, spec } of manifests) {
        const labels = spec.selector?.matchLabels ?? spec.podSelector?.matchLabels ?? spec.selector
        if (kind === 'Ingress') continue
        const meant = pods(manifests).filter(({ template }) =>
          Object.entries(labels).every(([name, value]) => template.metadata.labels[name] === value),
        )
        expect([kind, metadata.name, meant.length]).toEqual([kind, metadata.name, 1])
        expect(metadata.name).toContain(meant[0]?.service)
        const ports = meant[0]?.container.ports ?? []
        for (const { targetPort } of kind === 'Service' ? spec.ports : [])
          expect(ports.map(({ name }) => name)).toContain(targetPort)
        for (const { port } of spec.podMetricsEndpoints ?? []) expect(ports.map(({ name }) => name)).toContain(port)
        const numbers = (spec.ingress ?? []).flatMap((rule: { ports: { port: number }[] }) =>
          rule.ports.map(({ port }) => port),
        )
        if (kind === 'NetworkPolicy')
          expect(numbers.sort()).toEqual(ports.map(({ containerPort }) => containerPort).sort())
      }
      const services = manifests.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name)
      for (const { spec } of manifests.filter(({ kind }) => kind === 'StatefulSet'))
        expect(services).toContain(spec.serviceName)
      for (const { spec } of manifests.filter(({ kind }) => kind === 'Ingress'))
        expect(services).toContain(spec.rules[0].http.paths[0].backend.service.name)
    }
  })

  test('of a Secret a pod has the keys that it names, and no other', () => {
    const files = (manifests: Manifest[], service: string) =>
      pods(manifests)
        .filter((pod) => pod.service === service)
        .flatMap(({ template }) => template.spec.volumes)
        .flatMap(({ secret, configMap }) => ((secret ?? configMap)?.items ?? []).map(({ key }: { key: string }) => key))
    const small = all.find(({ values }) => values.endsWith('/minimal.yaml'))?.manifests ?? []
    expect(files(small, 'ingestor')).toEqual(['api-key'])
    expect(files(small, 'webhook-gateway')).toEqual(['webhook-secret'])
  })

  test('the spool is smaller than its disk, and without one there is no disk', () => {
    for (const { values, manifests } of all) {
      const gateway = pods(manifests).find(({ service }) => service === 'webhook-gateway')
      const env = Object.fromEntries(gateway?.container.env.map(({ name, value }) => [name, value]) ?? [])
      const [claim] = gateway?.workload.spec.volumeClaimTemplates ?? []
      if (values.endsWith('/several-organizations.yaml')) {
        expect([claim, env.WEBHOOK_SPOOL_DIR]).toEqual([undefined, undefined])
        continue
      }
      const gib = Number(/^(\d+)Gi$/.exec(claim.spec.resources.requests.storage)?.[1])
      expect(Number(env.WEBHOOK_SPOOL_MAX_BYTES)).toBeLessThan(gib * 2 ** 30 - 32 * 2 ** 20)
      expect(Number(env.WEBHOOK_SPOOL_MAX_BYTES)).toBeGreaterThan(gib * 2 ** 29)
    }
  })
})

const channelsFile = `
organizations:
  - org_id: 42
    api_key: planted
    channels:
      - channel_id: chat
`
