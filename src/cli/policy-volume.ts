import type { EventPage } from '../domain/answers.ts'
import { type PolicyVolume, policyVolume } from '../rules/kubernetes-policy-volume.ts'
import type { KubernetesPolicy } from '../rules/kubernetes-policy.ts'
import { callJson, type ServerAddress } from './client.ts'
import type { Io } from './io.ts'
import { tableText } from './output.ts'

export interface StoredVolume extends PolicyVolume {
  /** There were more of the last day: the newest were read. */
  readonly isPart: boolean
}

const MOST_EVENTS = 20_000
const PAGE_EVENTS = 500
const QUERY = 'event.dataset:kubernetes.audit'

/** What a policy would make of the newest Kubernetes events that a server has of the last day. */
export async function volumeOfStored(server: ServerAddress, policy: KubernetesPolicy, io: Io): Promise<StoredVolume> {
  const volume = policyVolume(policy)
  let read = 0
  let cursor: string | undefined
  do {
    const params = { q: QUERY, since: '1d', order: 'newest', limit: String(PAGE_EVENTS), cursor }
    const page = await callJson<EventPage>(server, { path: '/v1/events', params, signal: io.signal })
    for (const event of page.events) volume.add(event)
    read += page.events.length
    cursor = page.events.length === 0 ? undefined : page.next
  } while (cursor !== undefined && read < MOST_EVENTS)
  return { ...volume.sum(), isPart: cursor !== undefined }
}

export function volumeText({ rules }: StoredVolume, io: Io): string {
  const rows = rules.map(({ rule, level, kept, bytes, dropped }) => {
    return [rule === undefined ? 'none' : String(rule), level, String(kept), String(bytes), String(dropped)]
  })
  return tableText(['RULE', 'LEVEL', 'KEPT', 'BYTES', 'DROPPED'], rows, io)
}

/** What the numbers are of, and what they cannot say. */
export function volumeRemarks({ events, isPart, withoutRecord, rules }: StoredVolume): string {
  const less = rules.reduce((sum, { atLess }) => sum + atLess, 0)
  const remarks = [
    `volume of ${events} stored Kubernetes events of the last day${isPart ? ' (the newest: there are more)' : ''}`,
    ...(withoutRecord > 0 ? [`${withoutRecord} of them have no record that could be looked at`] : []),
    ...(less > 0 ? [`${less} came with less than their rule's level: with bodies they would be larger`] : []),
    'what the API server or rules at intake left out is not among them',
  ]
  return remarks.map((line) => `${line}\n`).join('')
}
