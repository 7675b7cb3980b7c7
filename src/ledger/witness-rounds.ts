import type { NoteSignature, PolicyWitness, TlogPolicy } from '../../verify/index.ts'
import { formatNote, isMet, parseNote } from '../../verify/index.ts'
import type { WitnessAnswer } from '../domain/answers.ts'
import { formatMillis } from '../domain/time.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { RootHead } from './root-writer.ts'
import type { WitnessAccess, WitnessReply } from './witness-client.ts'
import { addCheckpoint } from './witness-client.ts'

/** Has the root log's checkpoints signed by its witnesses, one round after the other. */
export interface WitnessRounds {
  /** Works until `signal` aborts. Rejects only when a checkpoint could not be written. */
  run(signal: AbortSignal): Promise<void>
  standing(): WitnessAnswer
  /** In words for an operator, one for each thing that is not as it should be. */
  reasons(): readonly string[]
}

export interface WitnessRoundsDeps {
  readonly policy: TlogPolicy
  readonly root: () => RootHead | undefined
  readonly consistency: (log: string, from: number, to: number) => Promise<readonly Uint8Array[]>
  readonly saveCosigned: (note: string) => Promise<void>
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly log: (message: string) => void
  /** A witness signed with its time, in seconds, between these two of ours, in milliseconds. */
  readonly onTime?: (name: string, time: number, sentMs: number, receivedMs: number) => void
  readonly alarm: (kind: WitnessAlarm, message: string) => void
}

export type WitnessAlarm = 'quorum-missing' | 'quorum-back' | 'fork'

interface Standing {
  readonly witness: PolicyWitness
  /** What it signed last, as far as we know. */
  size?: number
  /** Seconds since 1970. */
  time?: number
  failing?: {
    readonly reason: string
    readonly kind: 'failing' | 'fork'
    readonly again: number
    readonly times: number
  }
}

const LOOK_MS = 1000
const TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000
/** Without a quorum for so long an alarm is raised. */
const QUORUM_ALARM_MS = 600_000

/** Witnesses without an address cannot be asked and are left alone. */
export function createWitnessRounds(deps: WitnessRoundsDeps): WitnessRounds {
  const { policy, clock, root } = deps
  const standings: readonly Standing[] = policy.witnesses
    .filter(({ url }) => url !== undefined)
    .map((witness) => ({ witness }))
  /** Since when there is a checkpoint that no quorum has signed. */
  let missingSince: number | undefined
  let isAlarmed = false

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const head = root()
      if (head !== undefined) await round(head, signal)
      judgeLag()
      await pause(clock, LOOK_MS, signal)
    }
  }

  /** Each that has not signed this checkpoint is asked once; the quorum is published as soon as it is there. */
  async function round(head: RootHead, signal: AbortSignal): Promise<void> {
    const access: WitnessAccess = { fetch: deps.fetch, now: () => clock.now(), timeoutMs: TIMEOUT_MS, signal }
    const gathered = new Map<string, NoteSignature>()
    for (const [name, signature] of signaturesOf(head, standings)) gathered.set(name, signature)
    const due = standings.filter((each) => isDue(each, gathered))
    const failures: unknown[] = []
    await Promise.all(
      due.map(async (each) => {
        const sentMs = clock.now()
        const reply = await ask(access, each, head)
        if (reply.kind !== 'signed') return settle(each, reply, head)
        deps.onTime?.(each.witness.name, reply.cosignature.time, sentMs, clock.now())
        gathered.set(each.witness.name, reply.cosignature.signature)
        each.size = head.size
        each.time = reply.cosignature.time
        settle(each, reply, head)
        if (isMet(policy, new Set(gathered.keys())))
          await deps.saveCosigned(cosignedNote(head, gathered)).catch((error: unknown) => failures.push(error))
      }),
    )
    if (failures.length > 0) throw failures[0]
  }

  function isDue({ witness, failing }: Standing, gathered: ReadonlyMap<string, unknown>): boolean {
    if (gathered.has(witness.name)) return false
    return failing === undefined || failing.again <= clock.now()
  }

  /** With the size that it signed last; what that is it says itself where we do not know. */
  async function ask(access: WitnessAccess, each: Standing, head: RootHead): Promise<WitnessReply> {
    const first = await send(access, each, head, each.size ?? 0)
    if (first.kind !== 'knows') return first
    if (first.size > head.size) {
      return { kind: 'fork', reason: `it holds ${first.size} entries of our root log, and we have signed ${head.size}` }
    }
    const second = await send(access, each, head, first.size)
    return second.kind === 'knows' ? { kind: 'failed', reason: 'it names another size each time' } : second
  }

  async function send(
    access: WitnessAccess,
    { witness }: Standing,
    head: RootHead,
    old: number,
  ): Promise<WitnessReply> {
    const proof = old === 0 ? [] : await deps.consistency(head.origin, Math.min(old, head.size), head.size)
    return addCheckpoint(access, witness, { old: Math.min(old, head.size), proof, checkpoint: head.note })
  }

  function settle(each: Standing, reply: WitnessReply, head: RootHead): void {
    const before = each.failing
    const { name } = each.witness
    if (reply.kind === 'signed') {
      if (before !== undefined) deps.log(`witness ${name} signs again`)
      delete each.failing
      return
    }
    const reason = reasonIn(reply)
    const times = (before?.times ?? 0) + 1
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), LONGEST_RETRY_MS)
    const retryAfter = reply.kind === 'failed' ? (reply.retryAfterMs ?? 0) : 0
    const kind = reply.kind === 'fork' ? 'fork' : 'failing'
    each.failing = { reason, kind, times, again: clock.now() + Math.max(wait, retryAfter) }
    if (before?.reason !== reason) deps.log(`witness ${name} did not sign ${head.origin} at ${head.size}: ${reason}`)
    if (kind === 'fork' && before?.kind !== 'fork') {
      deps.alarm('fork', `witness ${name} says that ${head.origin} has two histories: ${reason}`)
    }
  }

  function judgeLag(): void {
    const head = root()
    if (head === undefined || head.cosigned?.size === head.size) {
      missingSince = undefined
    } else {
      missingSince ??= clock.now()
    }
    const isLate = lagMs(head) > QUORUM_ALARM_MS
    if (isLate && !isAlarmed) deps.alarm('quorum-missing', `no quorum of witnesses since ${sinceText(head)}`)
    if (!isLate && isAlarmed && missingSince === undefined) {
      deps.alarm('quorum-back', 'a quorum of witnesses has signed the newest checkpoint')
    }
    isAlarmed = isLate || (isAlarmed && missingSince !== undefined)
  }

  /** How long ago the newest checkpoint that a quorum signed was signed, while there is a newer one. */
  function lagMs(head: RootHead | undefined): number {
    return missingSince === undefined || head === undefined ? 0 : clock.now() - lastQuorum(head)
  }

  /** When a quorum signed last; where that is not known, when it was seen to be missing. Milliseconds since 1970. */
  function lastQuorum(head: RootHead): number {
    const times = standings.flatMap(({ size, time }) =>
      size === head.cosigned?.size && time !== undefined ? [time] : [],
    )
    const last = times.length === 0 ? undefined : Math.max(...times) * 1000
    return Math.min(missingSince ?? clock.now(), last ?? Infinity)
  }

  function sinceText(head: RootHead | undefined): string {
    return formatMillis(head === undefined ? clock.now() : lastQuorum(head))
  }

  return {
    run,
    standing() {
      const head = root()
      const isBehind = head === undefined || head.cosigned?.size !== head.size
      return {
        quorum: isAlarmed ? 'missing' : isBehind ? 'behind' : 'met',
        ...(isBehind && { unwitnessedSince: sinceText(head) }),
        witnesses: standings.map((each) => answerOf(each, head)),
      }
    },
    reasons() {
      const head = root()
      const forks = standings.flatMap(({ witness, failing }) =>
        failing?.kind === 'fork'
          ? [`witness ${witness.name} says that the log has two histories: ${failing.reason}`]
          : [],
      )
      const silent = standings.filter(({ failing }) => failing?.kind === 'failing').map(({ witness }) => witness.name)
      const lag = isAlarmed
        ? [`unwitnessed since ${sinceText(head)}${silent.length > 0 ? `: ${silent.join(', ')}` : ''}`]
        : []
      return [...forks, ...lag]
    },
  }
}

function answerOf(
  { witness, size, time, failing }: Standing,
  head: RootHead | undefined,
): WitnessAnswer['witnesses'][0] {
  return {
    name: witness.name,
    vkey: witness.vkey,
    state: failing?.kind ?? (size !== undefined && size === head?.size ? 'signed' : 'waiting'),
    ...(size !== undefined && { size }),
    ...(time !== undefined && { at: formatMillis(time * 1000) }),
    ...(failing !== undefined && { reason: failing.reason }),
  }
}

function reasonIn(reply: WitnessReply): string {
  switch (reply.kind) {
    case 'failed':
    case 'fork':
      return reply.reason
    case 'unknown':
      return 'it does not know our root log'
    case 'knows':
      return `it holds ${reply.size} entries`
    case 'signed':
      return ''
  }
}

/** Cosignatures that the newest checkpoint has already. */
function signaturesOf(head: RootHead, standings: readonly Standing[]): readonly (readonly [string, NoteSignature])[] {
  if (head.cosigned?.size !== head.size) return []
  const { signatures } = parseNote(head.cosigned.note)
  return standings.flatMap(({ witness: { name, key } }) => {
    const own = signatures.find((each) => each.name === key.name && Buffer.from(each.id).equals(key.id))
    return own === undefined ? [] : [[name, own] as const]
  })
}

function cosignedNote({ note }: RootHead, gathered: ReadonlyMap<string, NoteSignature>): string {
  const { text, signatures } = parseNote(note)
  return formatNote({ text, signatures: [...signatures, ...gathered.values()] })
}
