import { describe, expect, test } from 'vitest'

import type { AuditEvent } from '../domain/event.ts'
import { kongMesh } from '../formats/kong-mesh.ts'
import { kubernetesAudit } from '../formats/kubernetes-audit.ts'
import { compileAccessAudits } from './access-audit-family.ts'
import { parseAccessAudit } from './access-audit.ts'
import { readYaml } from './kubernetes-policy-yaml.ts'

type Said = { readonly action?: string; readonly type?: string; readonly mesh?: string; readonly name?: string }

function anEvent({ action = 'update', type = 'meshtimeout', mesh, name = 'a' }: Said): AuditEvent {
  const resource = [{ type, name, ...(mesh !== undefined && { parent: mesh }) }]
  return { '@timestamp': '2026-11-24T12:00:00Z', event: { action, kind: 'event' }, audit: { resource } }
}

/** A look into a proxy, or a token: it has no resource type of the mesh. */
function anOther(action: string, mesh?: string): AuditEvent {
  const resource = mesh === undefined ? [] : [{ type: 'token', parent: mesh }]
  return { '@timestamp': '2026-11-24T12:00:00Z', event: { action, kind: 'event' }, audit: { resource } }
}

/** Judges by AccessAudits whose rules stand in one line of YAML each. */
function judgeBy(rules: readonly string[], skipDefaultTypes?: readonly string[]) {
  const accessAudits = rules.map((rule, n) => {
    return parseAccessAudit(readYaml(`{type: AccessAudit, name: a-${n}, rules: [${rule}]}`, 'a.yaml'), 'a.yaml').audit
  })
  const family = compileAccessAudits({ accessAudits, ...(skipDefaultTypes !== undefined && { skipDefaultTypes }) })
  return (event: AuditEvent, accessAudit: boolean | undefined = true) => {
    const told: string[] = []
    const scope = { source: 'shop', stream: 'mesh', ...(accessAudit && { accessAudit }) }
    const ruling = family.judge({ event }, scope, new Uint8Array(16), (rule, did) => told.push(`${did} ${rule}`))
    return { rule: ruling?.rule, kind: ruling?.kind, told }
  }
}

const NOT_AUDITED = { kind: 'drop', rule: 'access-audit' }
const NONE_OF_ITS = { kind: undefined, rule: undefined, told: [] }
const kept = (n = 0) => ({ kind: 'keep', rule: `access-audit/a-${n}` })

describe('no match', () => {
  const WRITES = '{types: [MeshTimeout], mesh: default, access: [CREATE]}'

  test.each<[string, readonly string[], AuditEvent]>([
    ['there is no AccessAudit at all', [], anEvent({})],
    ['one without rules is all there is', [''], anEvent({})],
    ['the operation is another one', [WRITES], anEvent({ action: 'delete', mesh: 'default' })],
    ['the type is another one', [WRITES], anEvent({ action: 'create', type: 'meshretry', mesh: 'default' })],
    ['the mesh is another one', [WRITES], anEvent({ action: 'create', mesh: 'other' })],
    ['it only reads', ['{accessAll: true}'], anEvent({ action: 'get' })],
    ['the type is skipped where none is named', ['{accessAll: true}'], anEvent({ type: 'dataplaneinsight' })],
    ['a rule for one mesh meets what belongs to none', ['{mesh: default, accessAll: true}'], anEvent({ type: 'zone' })],
    ['it looks into a proxy and no rule says so', [WRITES], anOther('VIEW_CONFIG_DUMP')],
    ['a rule for one mesh meets a look into a proxy', ['{mesh: default, accessAll: true}'], anOther('VIEW_STATS')],
  ])('is not audited: %s', (_, rules, event) => {
    const { told, ...ruling } = judgeBy(rules)(event)

    expect(ruling).toEqual(NOT_AUDITED)
    expect(told).toEqual(['drop access-audit'])
  })
})

describe('scope', () => {
  test('says nothing of events from sources that do not ask for it', () => {
    expect(judgeBy([])(anEvent({}), false)).toEqual(NONE_OF_ITS)
  })

  test('says nothing of events that are about no mesh', () => {
    expect(judgeBy([])(anEvent({ type: 'topic' }))).toEqual(NONE_OF_ITS)
    expect(judgeBy([])(anOther('login'))).toEqual(NONE_OF_ITS)
  })

  test('counts a type that an AccessAudit names among those of a mesh, though nobody knows it', () => {
    const judge = judgeBy(['{types: [MeshTomorrow], access: [CREATE]}'])

    expect(judge(anEvent({ type: 'meshtomorrow', action: 'create' }))).toMatchObject(kept())
    expect(judge(anEvent({ type: 'meshtomorrow', action: 'delete' }))).toMatchObject(NOT_AUDITED)
  })

  test('never filters again what Kong Mesh has filtered', () => {
    const line =
      '{"date":"2022-09-21T09:31:42+02:00","action":"UPDATE","resource":{"name":"a","mesh":"default","type":"MeshTimeout"}}'
    const decoded = kongMesh.decode(Buffer.from(line), { source: 'shop', now: 0 })
    if (decoded.kind !== 'events' || decoded.events[0] === undefined) throw new Error('it is a record')

    expect(judgeBy([])(decoded.events[0].event)).toEqual(NONE_OF_ITS)
  })
})

describe('union', () => {
  test('keeps what one rule of one AccessAudit matches, and says by which', () => {
    const judge = judgeBy(['{types: [Zone], access: [DELETE]}', '{types: [MeshTimeout, MeshRetry], access: [UPDATE]}'])

    expect(judge(anEvent({ type: 'MeshRetry', mesh: 'a' }))).toMatchObject(kept(1))
    expect(judge(anEvent({ type: 'zone', action: 'DELETE' }))).toMatchObject(kept(0))
  })

  test('tells each AccessAudit that matches once', () => {
    const judge = judgeBy(['{accessAll: true}, {access: [UPDATE]}', '{access: [CREATE]}', '{access: [UPDATE]}'])

    expect(judge(anEvent({})).told).toEqual(['keep access-audit/a-0', 'keep access-audit/a-2'])
  })

  test('keeps an event of which one of several resources is audited', () => {
    const event = anEvent({ type: 'meshretry' })
    const both = { ...event, audit: { resource: [...(event.audit?.resource ?? []), { type: 'MeshTimeout' }] } }

    expect(judgeBy(['{types: [MeshTimeout], access: [UPDATE]}'])(both)).toMatchObject(kept())
  })

  test('finds the right one of a thousand', () => {
    const rules = Array.from({ length: 1000 }, (_, n) => `{types: [MeshTimeout], mesh: mesh-${n}, access: [UPDATE]}`)

    for (const n of [0, 31, 32, 63, 500, 999])
      expect(judgeBy(rules)(anEvent({ mesh: `mesh-${n}` })).rule).toBe(`access-audit/a-${n}`)
  })
})

describe('types, meshes and operations', () => {
  test('a skipped type is audited where it is named', () => {
    const judge = judgeBy(['{types: [DataplaneInsight], accessAll: true}'])

    expect(judge(anEvent({ type: 'DataplaneInsight' }))).toMatchObject(kept())
  })

  test('the list of skipped types is the control plane’s where it says one, also an empty one', () => {
    expect(judgeBy(['{accessAll: true}'], [])(anEvent({ type: 'zoneinsight' }))).toMatchObject(kept())
    expect(judgeBy(['{accessAll: true}'], ['Zone'])(anEvent({ type: 'zone' }))).toMatchObject(NOT_AUDITED)
  })

  test('a rule for a mesh matches that Mesh by its own name', () => {
    const judge = judgeBy(['{types: [Mesh], mesh: default, access: [UPDATE]}'])

    expect(judge(anEvent({ type: 'Mesh', name: 'default' }))).toMatchObject(kept())
    expect(judge(anEvent({ type: 'Mesh', name: 'other', mesh: 'default' }))).toMatchObject(NOT_AUDITED)
  })

  test('an event that does not say in which mesh it was is kept by a rule for any', () => {
    expect(judgeBy(['{mesh: default, access: [UPDATE]}'])(anEvent({}))).toMatchObject(kept())
  })

  test('a rule for a mesh keeps tokens for its data planes alone', () => {
    const judge = judgeBy(['{types: [Mesh], mesh: default, accessAll: true}'])

    expect(judge(anOther('generate-dataplane-token', 'default'))).toMatchObject(kept())
    expect(judge(anOther('GENERATE_DATAPLANE_TOKEN', 'other'))).toMatchObject(NOT_AUDITED)
    expect(judge(anOther('GENERATE_USER_TOKEN'))).toMatchObject(NOT_AUDITED)
  })

  test.each<[string, readonly string[], boolean]>([
    ['patch', [], true],
    ['mesh-timeout.updated', [], true],
    ['apply', ['change'], true],
    ['replaced_spec', [], true],
    ['apply', ['info'], false],
    ['list', [], false],
  ])('takes action %s of type %j for an update: %s', (action, type, isUpdate) => {
    const event = anEvent({})
    const said = { ...event, event: { ...event.event, action, type } }

    expect(judgeBy(['{access: [UPDATE]}'])(said).kind).toBe(isUpdate ? 'keep' : 'drop')
  })
})

describe('records of a Kubernetes API server', () => {
  function record(objectRef: object, more: object = {}): AuditEvent {
    const bytes = Buffer.from(
      JSON.stringify({
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Request',
        auditID: '0e120ec9-6b42-495d-9758-07b59fe86fb9',
        stage: 'ResponseComplete',
        requestURI: '/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtimeouts/slow',
        verb: 'patch',
        user: { username: 'alice' },
        objectRef,
        responseStatus: { code: 200 },
        requestReceivedTimestamp: '2026-11-24T12:00:00.000000Z',
        stageTimestamp: '2026-11-24T12:00:00.000000Z',
        ...more,
      }),
    )
    const decoded = kubernetesAudit.decode(bytes, { source: 'prod-1', cluster: 'prod-1', now: 0 })
    if (decoded.kind !== 'events' || decoded.events[0] === undefined) throw new Error('it is a record')
    return decoded.events[0].event
  }

  test('are audited where they are about resources of Kuma, with the mesh of their label', () => {
    const ref = { resource: 'meshtimeouts', namespace: 'kuma-system', name: 'slow', apiGroup: 'kuma.io' }
    const inMesh = (mesh: string) => ({ requestObject: { metadata: { labels: { 'kuma.io/mesh': mesh } } } })
    const judge = judgeBy(['{types: [MeshTimeout], mesh: default, access: [UPDATE]}'])

    expect(judge(record(ref, inMesh('default')))).toMatchObject(kept())
    expect(judge(record(ref, inMesh('other')))).toMatchObject(NOT_AUDITED)
  })

  test('are none of its where they are about a Secret of Kubernetes', () => {
    const ref = { resource: 'secrets', namespace: 'prod', name: 'db', apiVersion: 'v1' }

    expect(judgeBy([])(record(ref))).toEqual(NONE_OF_ITS)
  })
})
