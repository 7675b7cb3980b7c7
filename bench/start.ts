import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from './client.ts'
import type { Figure } from './report.ts'
import type { MeasuredServer } from './server.ts'
import { startMeasured } from './server.ts'

/** How long a start takes with what is there: after an orderly end, and after a kill. Gives the server that runs then. */
export async function measureStart(
  server: MeasuredServer,
): Promise<{ readonly figures: readonly Figure[]; readonly server: MeasuredServer }> {
  const { seconds: stopS } = await timed(() => server.stop())
  const again = await started(server.data)
  await again.server.kill()
  const killed = await started(server.data)
  return {
    figures: [
      { what: 'stop', value: stopS, unit: 's' },
      { what: 'start to ready', value: again.readyS, unit: 's', atLeast: 5, aim: 2 },
      { what: 'start until a search sees everything', value: again.completeS, unit: 's' },
      { what: 'start to ready after kill -9', value: killed.readyS, unit: 's', atLeast: 5, aim: 2 },
      { what: 'start until a search sees everything, after kill -9', value: killed.completeS, unit: 's' },
    ],
    server: killed.server,
  }
}

async function started(
  data: string,
): Promise<{ readonly server: MeasuredServer; readonly readyS: number; readonly completeS: number }> {
  const { seconds: readyS, value: server } = await timed(() => startMeasured(data))
  const { seconds: restS } = await timed(() => complete(server))
  return { server, readyS, completeS: readyS + restS }
}

/** Waits until a run leaves nothing out that was acknowledged before it, this one's own trail apart. */
async function complete(server: MeasuredServer): Promise<void> {
  const client = createClient(server.url, await server.token('admin'))
  for (;;) {
    const { status, body } = await client.get('/v1/events:summary?since=1h')
    if (status !== 200) throw new Error(`${status}: ${body.toString()}`)
    // What the route answers.
    const { completeness } = JSON.parse(body.toString()) as { completeness: { behind: number } }
    if (completeness.behind < TRAIL) break
    await sleep(100)
  }
  client.close()
}

/** Events that these very questions and the start itself make. */
const TRAIL = 50

async function timed<T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly value: T }> {
  const began = performance.now()
  const value = await work()
  return { seconds: (performance.now() - began) / 1000, value }
}
