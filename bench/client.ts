import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Calls one server as one token, over connections that stay open. */
export interface Client {
  /**
   * Posts NDJSON (to another path than `/v1/events`: JSON) until it is taken, waiting as long as a 429 says. Throws for
   * every other refusal.
   */
  post(body: Buffer, path?: string): Promise<Buffer>
  get(path: string): Promise<Answer>
  close(): void
}

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

export function createClient(url: string, token: string): Client {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(url)
  const authorization = `Bearer ${token}`

  function call(method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = { agent, hostname, port, path, method, headers: { authorization, ...headers } }
      const sent = request(options, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.once('error', reject)
        response.once('end', () => {
          const retryAfter = Number(response.headers['retry-after'] ?? 0)
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), retryAfter })
        })
      })
      sent.once('error', reject)
      sent.end(body)
    })
  }

  return {
    async post(body, path = '/v1/events') {
      const type = path === '/v1/events' ? 'application/x-ndjson' : 'application/json'
      const headers = { 'content-type': type, 'content-length': String(body.length) }
      for (;;) {
        const { status, body: answer, retryAfter } = await call('POST', path, headers, body)
        if (status === 200) return answer
        if (status !== 429) throw new Error(`${status}: ${answer.toString()}`)
        await sleep(retryAfter * 1000)
      }
    },
    get: (path) => call('GET', path, {}),
    close: () => agent.destroy(),
  }
}

interface Reply extends Answer {
  /** Seconds. */
  readonly retryAfter: number
}
