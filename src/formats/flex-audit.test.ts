import { describe, expect, test } from 'vitest'
import { plainSentence } from '../domain/sentence.ts'
import { flexAudit } from './flex-audit.ts'
import type { DecodedEvent } from './format.ts'

const NOW = Date.UTC(2026, 10, 20, 14)
const USER = '{:provider :github, :email "ada@example.com", :name "Ada Berg", :login "ada-berg", :id "0b6f"}'
const RBAC = `{:success? true, :action "TOPIC_CREATE",
  :policies ({:resource [:cluster "*"], :role "admins", :effect "Allow", :actions #{"TOPIC_EDIT" "TOPIC_CREATE"}})}`

function decode(text: string | Uint8Array) {
  return flexAudit.decode(Buffer.from(text), { source: 'flex', now: NOW })
}

function onlyEvent(text: string | Uint8Array): DecodedEvent {
  const decoded = decode(text)
  if (decoded.kind === 'reject' || decoded.events[0] === undefined) throw new Error(JSON.stringify(decoded))
  return decoded.events[0]
}

function mutation(event: string, rest = ''): string {
  return `{:type :mutation/request, :ctx {:cluster-id "c1"}, :data {:user ${USER}, :event ${event} ${rest}}}`
}

describe('flex-audit', () => {
  test('says who asked for what, and which policies allowed it', () => {
    const { event } = onlyEvent(mutation('[:mutation/create-topic {:topic-name "orders"}]', `:rbac ${RBAC}`))

    expect(event).toMatchObject({
      event: { action: 'create-topic', code: 'mutation/request', outcome: 'success', type: ['creation'] },
      user: { kind: 'person', id: '0b6f', name: 'ada-berg', full_name: 'Ada Berg', email: 'ada@example.com' },
      audit: {
        resource: [{ type: 'topic', name: 'orders', parent: 'c1' }],
        authn: { provider: 'github' },
        authz: {
          decision: 'allow',
          permission: 'TOPIC_CREATE',
          engine: 'RBAC',
          policies: [{ name: 'admins on cluster/*', effect: 'allow' }],
          path: ['Allow admins TOPIC_CREATE, TOPIC_EDIT on cluster/*'],
        },
      },
      orchestrator: { cluster: { id: 'c1' } },
    })
    expect(plainSentence(event)).toContain('ada-berg created Topic orders')
  })

  test('reads JSON as it reads EDN', () => {
    const edn = onlyEvent(
      mutation('[:mutation/create-topic {:topic-name "orders"}]', ':rbac {:success? false :action "TOPIC_CREATE"}'),
    )
    const json = onlyEvent(
      JSON.stringify({
        type: 'mutation/request',
        ctx: { cluster_id: 'c1' },
        data: {
          user: { provider: 'github', email: 'ada@example.com', name: 'Ada Berg', login: 'ada-berg', id: '0b6f' },
          event: [':mutation/create-topic', { 'topic-name': 'orders' }],
          rbac: { 'success?': false, action: 'TOPIC_CREATE' },
        },
      }),
    )

    const { original: _edn, ...ofEdn } = edn.event.event
    const { original: _json, ...ofJson } = json.event.event
    expect({ ...json.event, event: ofJson }).toEqual({ ...edn.event, event: ofEdn })
    expect(ofEdn).toMatchObject({ outcome: 'failure', type: ['creation', 'denied'] })
  })

  test('keeps the record byte for byte', () => {
    const text = mutation('[:mutation/x {}]').replaceAll(' ', ' ,\n ')
    expect(onlyEvent(text).event.event.original).toBe(text)
    const broken = Buffer.from(mutation('[:mutation/x {:name "\u00e9"}]'), 'latin1')
    const kept = onlyEvent(broken)
    expect(kept.event.event.original).toBeUndefined()
    expect(Buffer.from(kept.originalBase64 ?? '', 'base64')).toEqual(broken)
  })

  test('joins a request and its response by the id that both have, and says how it ended', () => {
    const request = onlyEvent(mutation('[:mutation/delete-topic {:topic "a"}]', `:request/id "r-1" :rbac ${RBAC}`))
    const response = onlyEvent(
      mutation(
        '[:mutation/delete-topic {:topic "a"}]',
        ':request/id "r-1" :response {:error {:message "gone"}}',
      ).replace(':mutation/request', ':mutation/response'),
    )

    expect(request.event['http']).toEqual({ request: { id: 'r-1' } })
    expect(response.event['http']).toEqual({ request: { id: 'r-1' } })
    expect(response.event.event).toMatchObject({ code: 'mutation/response', outcome: 'failure', reason: 'gone' })
  })

  test('does not take for done what an answer does not say', () => {
    const response = mutation('[:mutation/delete-topic {:topic "a"}]', `:rbac ${RBAC}`)
    expect(onlyEvent(response.replace(':mutation/request', ':mutation/response')).event.event.outcome).toBe('unknown')
  })

  test.each([':staged? true', ':rbac {:policies [{:effect "Stage" :role "r" :resource [:cluster]}]}'])(
    'what waits for approval is staged: %s',
    (mark) => {
      const { event } = onlyEvent(mutation('[:mutation/edit-topic {:topic-name "orders"}]', mark))
      expect(event.audit?.authz?.decision).toBe('staged')
      expect(event.event.outcome).toBe('unknown')
    },
  )

  test('a refusal wins over what would have been staged', () => {
    const { event } = onlyEvent(mutation('[:mutation/x {}]', ':rbac {:success? false :effect "Stage"}'))
    expect(event.audit?.authz?.decision).toBe('deny')
  })

  test.each([
    [
      '[:mutation/create-topics {:topics ["a" "b"]}]',
      [
        { type: 'topic', name: 'a' },
        { type: 'topic', name: 'b' },
      ],
    ],
    ['[:mutation/pause-connector {:connector-name "s3"}]', [{ type: 'connector', name: 's3' }]],
    ['[:mutation/reset-offsets {:group-id "g" :topic "t"}]', [{ type: 'topic', name: 't' }]],
    ['[:mutation/terminate-job {:job-id "9b" :job-name "pay"}]', [{ type: 'flink-job', name: 'pay', id: '9b' }]],
    ['[:staged-mutation/approve {:id "77"}]', [{ type: 'staged-mutation', id: '77' }]],
    ['[:mutation/create-acl {:principal "User:x"}]', [{ type: 'acl' }]],
    ['[:mutation/restart {}]', [{ type: 'cluster', id: 'c1' }]],
  ])('names the things of %s', (event, things) => {
    const { audit } = onlyEvent(mutation(event)).event
    expect(audit?.resource).toEqual(
      things.map((each) => ('id' in each && each.id === 'c1' ? each : { ...each, parent: 'c1' })),
    )
  })

  test.each([
    ['{:type :user/login :data {:user {:login "x"}}}', 'login'],
    ['{:type :mutation/request :data {}}', 'mutation'],
    ['{:type "request"}', 'request'],
    ['{:data {:event :admin/restart}}', 'restart'],
    ['{:data {:event {:type :query/preview :x 1}}}', 'preview'],
  ])('keeps records of unknown kinds by their keyword: %s', (text, action) => {
    expect(onlyEvent(text).event.event.action).toBe(action)
  })

  test('believes the time that a record says, and else takes the one it came with', () => {
    expect(onlyEvent('{:type :a/b :ts 1795183202125}').event['@timestamp']).toBe('2026-11-20T14:00:02.125Z')
    expect(onlyEvent('{:type :a/b :inst #inst "2026-11-20T15:00:00+01:00"}').trust).toBeUndefined()
    for (const text of ['{:type :a/b}', '{:type :a/b :ts 17}', '{:type :a/b :ts 9e99}', '{:type :a/b :ts "soon"}']) {
      expect(onlyEvent(text)).toMatchObject({
        event: { '@timestamp': '2026-11-20T14:00:00.000Z' },
        trust: ['time:collected'],
      })
    }
  })

  test.each([
    ['', 'not_json'],
    ['{:a', 'not_json'],
    ['{"type": "x"', 'not_json'],
    ['[1 2]', 'wrong_type'],
    ['"text"', 'wrong_type'],
    ['{:data {:event [1 2]}}', 'missing_field'],
    ['{"data": {"event": []}}', 'missing_field'],
  ])('rejects %j by name', (text, reason) => {
    expect(decode(text)).toMatchObject({ kind: 'reject', reason })
  })

  test('a body that is too deep, too large or unsafe does not keep a request out', () => {
    const deep = onlyEvent(mutation(`[:mutation/x {:name "t" :body ${'['.repeat(5000)}${']'.repeat(5000)}}]`))
    expect(deep.truncated).toEqual([{ path: 'audit', bytes: 0, reason: 'depth_limit' }])
    expect(deep.event.audit?.resource).toEqual([{ name: 't', parent: 'c1' }])
    const deepJson = onlyEvent(`{"type":"a/b","data":{"event":["x",{"b":${'['.repeat(500)}${']'.repeat(500)}}]}}`)
    expect(deepJson.truncated).toEqual([{ path: 'audit', bytes: 0, reason: 'depth_limit' }])

    const unsafe = onlyEvent(mutation('[:mutation/x {:__proto__ {:name "evil"}}]'))
    expect(unsafe.truncated).toEqual([{ path: 'audit', bytes: 0, reason: 'unsafe_keys' }])

    const large = onlyEvent(mutation(`[:mutation/create-topic {:topic-name "t" :body "${'x'.repeat(1 << 20)}"}]`))
    expect(large.event.audit).toMatchObject({ resource: [{ type: 'topic', name: 't' }] })
    expect(large.event.audit?.request).toBeUndefined()
    expect(large.truncated?.map((each) => each.path)).toEqual(['event.original', 'audit.request', 'audit.response'])
    expect(decode('x'.repeat((4 << 20) + 1))).toMatchObject({ kind: 'reject', reason: 'too_large' })
  })

  test('reads a hundred thousand keys, policies and things in bounds', () => {
    const policies = '{:role "r" :effect "Allow" :resource [:cluster]} '.repeat(1000)
    const { event } = onlyEvent(
      mutation(
        `[:mutation/delete-topics {:topics [${'"t" '.repeat(10_000)}]}]`,
        `:rbac {:success? true :policies [${policies}]}`,
      ),
    )
    expect(event.audit?.resource).toHaveLength(100)
    expect(event.audit?.authz?.policies).toHaveLength(100)
  })
})
