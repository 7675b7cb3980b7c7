import { expect, test } from 'vitest'
import { formatNamed } from './formats.ts'
import { decodeExample, exampleOf } from '../../test/format-fixtures.ts'

function rejected(text: string) {
  return decodeExample(formatNamed('kong-mesh'), Buffer.from(text))
}

test('a change of a resource says who, what, in which mesh, and keeps the offset of its time', () => {
  expect(exampleOf('kong-mesh', 'update').event).toMatchObject({
    '@timestamp': '2026-11-20T14:03:22.000Z',
    event: { action: 'update', category: ['configuration'], type: ['change'], outcome: 'success', timezone: '+01:00' },
    user: {
      kind: 'person',
      name: 'ines@example.com',
      email: 'ines@example.com',
      group: { name: ['platform', 'mesh-system:authenticated'] },
    },
    audit: { resource: [{ type: 'meshtrafficpermission', name: 'shop-to-billing', parent: 'default' }] },
  })
})

test('the control plane is the system, nobody is anonymous', () => {
  expect(exampleOf('kong-mesh', 'control-plane-update').event.user).toEqual({
    kind: 'system',
    name: 'mesh-system:control-plane',
  })
  expect(exampleOf('kong-mesh', 'anonymous').event.user?.kind).toBe('anonymous')
})

test('a token is a thing that was made, and a user token says for whom', () => {
  expect(exampleOf('kong-mesh', 'dataplane-token').event).toMatchObject({
    event: { action: 'generate_dataplane_token', category: ['iam'], type: ['creation'] },
    audit: { resource: [{ type: 'token', id: '7b0a4a0e-93a5-4d22-8c3f-2a1f6a0c9b11', parent: 'default' }] },
  })
  expect(exampleOf('kong-mesh', 'user-token').event.user?.target).toEqual({ name: 'noor@example.com' })
  expect(exampleOf('kong-mesh', 'view-config-dump').event.event).toMatchObject({
    action: 'view_config_dump',
    type: ['access'],
  })
})

test.each([
  ['{"action":"UPDATE"}', 'missing_field', 'date'],
  ['{"action":"UPDATE","date":"yesterday"}', 'wrong_type', 'date'],
  ['{"date":"2026-11-20T14:03:22Z"}', 'missing_field', 'action'],
  ['[]', 'wrong_type', undefined],
])('%s is refused by name', (text, reason, path) => {
  expect(rejected(text)).toMatchObject({ kind: 'reject', reason, ...(path !== undefined && { path }) })
})
