import { describe, expect, test } from 'vitest'

import { kmeshMeaning, parseKmeshAudit } from './access-audit-kmesh.ts'
import { DEFAULT_SKIPPED_TYPES } from './access-audit-words.ts'
import { readYaml } from './kubernetes-policy-yaml.ts'

const parse = (yaml: string) => parseKmeshAudit(readYaml(yaml, 'kuma-cp.yaml'), 'kuma-cp.yaml')

const WHOLE = `
environment: universal # ENV: KUMA_ENVIRONMENT
store: { type: postgres, postgres: { host: 127.0.0.1 } }
kmesh:
  license: { path: "" }
  access:
    static: { generateCpToken: { users: ["mesh-system:admin"] } }
    rbac: { logActions: ["allowed", "denied"] }
    audit:
      skipDefaultTypes: ["DataplaneInsight", "ZoneInsight"]
      backends:
      - type: file
        file:
          path: /tmp/audit.logs
          rotation: { enabled: true, maxRetainedFiles: 10, maxSizeMb: 100, maxAgeDays: 30 }
`

test('reads the block of a whole file of a control plane, and says what it means here', () => {
  const audit = parse(WHOLE)

  expect(audit).toEqual({
    skipDefaultTypes: ['DataplaneInsight', 'ZoneInsight'],
    backends: [{ path: '/tmp/audit.logs', rotation: { maxRetainedFiles: 10, maxSizeMb: 100, maxAgeDays: 30 } }],
    warnings: [],
  })
  expect(kmeshMeaning(audit, () => 'mesh')[1]).toBe(
    'the control plane writes /tmp/audit.logs, rotated to /tmp/audit-TIME.logs; source mesh follows it',
  )
  expect(kmeshMeaning(audit, () => undefined)).toEqual([
    'AccessAudits that name no types are about all types: all but DataplaneInsight, ZoneInsight',
    'the control plane writes /tmp/audit.logs, rotated to /tmp/audit-TIME.logs; no source follows it, as this one would: { name: kong-mesh, kind: file, paths: ["/tmp/audit*.logs"], format: kong-mesh }',
  ])
})

test('a file without rotation is one that grows', () => {
  const yaml =
    'kmesh: {access: {audit: {backends: [{type: file, file: {path: /a, rotation: {enabled: false, maxSizeMb: 1}}}]}}}'

  expect(parse(yaml).backends).toEqual([{ path: '/a' }])
})

test('without the block the control plane’s defaults are taken, with a warning', () => {
  const { skipDefaultTypes, backends, warnings } = parse('environment: universal\nkmesh: {license: {}}')

  expect({ skipDefaultTypes, backends }).toEqual({ skipDefaultTypes: DEFAULT_SKIPPED_TYPES, backends: [] })
  expect(warnings.map(({ message }) => message)).toEqual(['is not in the file: Kong Mesh’s defaults are taken'])
})

describe('refuses', () => {
  test.each([
    [
      'a block that is nearly called so',
      'kmesh:\n  acces: {}',
      '2:3: kmesh.acces: there is no such key; did you mean access?',
    ],
    [
      'an unknown key in it',
      'kmesh: {access: {audit: {skipDefaultType: []}}}',
      '1:26: kmesh.access.audit.skipDefaultType: there is no such key; did you mean skipDefaultTypes?',
    ],
    [
      'another backend',
      'kmesh: {access: {audit: {backends: [{type: kafka}]}}}',
      'kmesh.access.audit.backends[0].type: the one type of backend is file',
    ],
    [
      'a rotation by nothing',
      'kmesh: {access: {audit: {backends: [{type: file, file: {path: /a, rotation: {enabled: true, maxSizeMb: many}}}]}}}',
      'kmesh.access.audit.backends[0].file.rotation.maxSizeMb: must be a whole number, 0 or more',
    ],
    [
      'a list that is none',
      'kmesh: {access: {audit: {skipDefaultTypes: Zone}}}',
      'kmesh.access.audit.skipDefaultTypes: must be a list',
    ],
    ['a block that is a list', 'kmesh: []', 'kmesh: must be a map'],
  ])('%s', (_, yaml, message) => {
    expect(() => parse(yaml)).toThrow(message)
  })
})
