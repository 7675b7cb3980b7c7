import type { Receipt } from '../src/domain/answers.ts'

/** Calls a running server as one token. */
export interface ApiClient {
  /** What a path answers, as JSON. Throws for every status but 200. */
  json<T>(path: string): Promise<T>
  bytes(path: string): Promise<Uint8Array>
  status(path: string): Promise<number>
  /** Posts records as NDJSON. Rejects when the connection breaks: then nothing was acknowledged. */
  post(records: readonly object[], idempotencyKey?: string): Promise<Posted>
}

export interface Posted {
  readonly status: number
  /** Of 200 and 422. */
  readonly receipt: Receipt | undefined
  /** The answer as it came. */
  readonly text: string
  /** Seconds, of a 429. */
  readonly retryAfter: number | undefined
}

const TIMEOUT_MS = 60_000

export function createApiClient(url: string, token: string): ApiClient {
  const authorization = `Bearer ${token}`

  async function get(path: string): Promise<Response> {
    const response = await fetch(`${url}${path}`, {
      headers: { authorization },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`)
    return response
  }

  return {
    // The caller names the shape that this path answers.
    json: async <T>(path: string) => (await (await get(path)).json()) as T,
    bytes: async (path) => new Uint8Array(await (await get(path)).arrayBuffer()),
    async status(path) {
      const response = await fetch(`${url}${path}`, { headers: { authorization } })
      await response.arrayBuffer()
      return response.status
    },
    async post(records, idempotencyKey) {
      const response = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: {
          authorization,
          'content-type': 'application/x-ndjson',
          ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        },
        body: records.map((record) => `${JSON.stringify(record)}\n`).join(''),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const text = await response.text()
      const retryAfter = response.headers.get('retry-after')
      return {
        status: response.status,
        // A receipt is what these two answer; the crash suite checks what is in it.
        receipt:
          response.status === 200 || (response.status === 422 && text.startsWith('{"received"'))
            ? (JSON.parse(text) as Receipt)
            : undefined,
        text,
        retryAfter: retryAfter === null ? undefined : Number(retryAfter),
      }
    },
  }
}
