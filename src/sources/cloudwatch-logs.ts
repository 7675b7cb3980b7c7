import { CloudWatchLogsClient, FilterLogEventsCommand, type FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { pause } from '../lib/clock.ts'
import { SeenEvents } from './cloudwatch-cursor.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, sourceBase } from './config.ts'
import { emitPatiently } from './emit-patiently.ts'
import type { Emit, Source, SourceDeps, SourceRecord } from './source.ts'

export interface CloudWatchLogsConfig extends SourceBase, FormatConfig {
  readonly kind: 'cloudwatch-logs'
  /** Name or ARN of the log group. */
  readonly group: string
  /** Beginning of the names of the log streams that are read. Left out: all. */
  readonly prefix?: string
  readonly region: string
  /** Instead of the region's own: a private link. */
  readonly endpoint?: string
  /** How far back late events are looked for. Left out: 60. */
  readonly overlapSeconds?: number
}

export const cloudWatchLogsConfig: z.ZodType<CloudWatchLogsConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('cloudwatch-logs'),
  group: z.string().min(1),
  prefix: z.string().min(1).exactOptional(),
  region: z.string().regex(/^[a-z0-9-]{3,32}$/, 'a region like eu-north-1'),
  endpoint: z.url().exactOptional(),
  overlapSeconds: z.int().min(0).max(3600).exactOptional(),
  ...formatConfig,
})

const POLL_MS = 5000
const PAGE_EVENTS = 1000
const OVERLAP_S = 60
const REQUEST_MS = 60_000

/**
 * Asks CloudWatch Logs for the events of a log group every five seconds (FilterLogEvents, which gives them by time). Events
 * may appear late, so each look begins a little before the newest one; those that were taken already are known by their id,
 * also after a restart: the cursor that is sealed with each batch holds them.
 */
export function createCloudWatchLogs(config: CloudWatchLogsConfig, deps: SourceDeps): Source {
  return {
    async run(emit, signal) {
      const seen = new SeenEvents((config.overlapSeconds ?? OVERLAP_S) * 1000, deps.cursor)
      // Who we are is found where AWS clients look for it: environment, profile, web identity, instance.
      const { region, endpoint } = config
      const client = new CloudWatchLogsClient({ region, ...(endpoint !== undefined && { endpoint }) })
      try {
        while (!signal.aborted) {
          await lookOnce(config, client, seen, emit, deps, signal)
          await pause(deps.clock, POLL_MS, signal)
        }
      } catch (error) {
        // Whatever a batch in flight made of the signal: it was not acknowledged, so it comes again.
        if (!signal.aborted) throw error
      } finally {
        client.destroy()
      }
    },
  }
}

/** Everything from a little before the newest event on, page by page. */
async function lookOnce(
  config: CloudWatchLogsConfig,
  client: CloudWatchLogsClient,
  seen: SeenEvents,
  emit: Emit,
  { clock, report }: SourceDeps,
  signal: AbortSignal,
): Promise<void> {
  const fromMs = seen.fromMs
  let token: string | undefined
  do {
    const page = await pageOf(config, client, fromMs, token, signal)
    const fresh = page.events.filter((event) => event.eventId !== undefined && !seen.has(event.eventId))
    for (const { eventId = '', timestamp = 0 } of fresh) seen.add(eventId, timestamp, clock.now())
    seen.prune()
    if (fresh.length > 0) {
      await emitPatiently(emit, recordsOf(fresh, config), seen.format(), clock, signal)
    }
    const behindMs = page.token === undefined ? 0 : clock.now() - (seen.newestMs ?? clock.now())
    report({ lag: { seconds: Math.max(0, Math.round(behindMs / 1000)) } })
    ;({ token } = page)
  } while (token !== undefined && !signal.aborted)
}

async function pageOf(
  { group, prefix }: CloudWatchLogsConfig,
  client: CloudWatchLogsClient,
  fromMs: number | undefined,
  token: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly events: readonly FilteredLogEvent[]; readonly token: string | undefined }> {
  const command = new FilterLogEventsCommand({
    ...(group.startsWith('arn:') ? { logGroupIdentifier: group } : { logGroupName: group }),
    ...(prefix !== undefined && { logStreamNamePrefix: prefix }),
    ...(fromMs !== undefined && { startTime: fromMs }),
    ...(token !== undefined && { nextToken: token }),
    limit: PAGE_EVENTS,
  })
  try {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)])
    const { events = [], nextToken } = await client.send(command, { abortSignal })
    // Servers that stand in for AWS's own may not look at the prefix.
    const ours = prefix === undefined ? events : events.filter((event) => event.logStreamName?.startsWith(prefix))
    return { events: ours, token: nextToken }
  } catch (cause) {
    if (signal.aborted) throw cause
    const name = cause instanceof Error ? cause.name : 'unknown error'
    throw new AuditError('io_failed', `log group ${group} cannot be read: ${name}`, { hint: hintFor(name), cause })
  }
}

function hintFor(name: string): string {
  if (name === 'ResourceNotFoundException') return 'check group and region; EKS makes the group with its first record'
  if (name === 'ThrottlingException') return 'the account asks more often than AWS allows; it goes on by itself'
  return 'the server needs credentials (environment, profile or role) with logs:FilterLogEvents, and a way to the region'
}

function recordsOf(events: readonly FilteredLogEvent[], { format, options }: FormatConfig): readonly SourceRecord[] {
  return events.map(({ message = '', eventId = '' }) => ({
    bytes: Buffer.from(message, 'utf8'),
    format,
    ...(options !== undefined && { options }),
    // Where the record names itself that counts, so that it is one with what comes another way.
    fallbackId: eventId,
  }))
}
