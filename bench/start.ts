import type { Figure } from './report.ts'
import type { MeasuredServer } from './server.ts'
import { startMeasured } from './server.ts'

/** How long a start takes with what is there: after an orderly end, and after a kill. Gives the server that runs then. */
export async function measureStart(
  server: MeasuredServer,
): Promise<{ readonly figures: readonly Figure[]; readonly server: MeasuredServer }> {
  const { seconds: stopS } = await timed(() => server.stop())
  const again = await timed(() => startMeasured(server.data))
  await again.value.kill()
  const killed = await timed(() => startMeasured(server.data))
  return {
    figures: [
      { what: 'stop', value: stopS, unit: 's' },
      { what: 'start to ready', value: again.seconds, unit: 's', atLeast: 5, aim: 2 },
      { what: 'start to ready after kill -9', value: killed.seconds, unit: 's', atLeast: 5, aim: 2 },
    ],
    server: killed.value,
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly value: T }> {
  const began = performance.now()
  const value = await work()
  return { seconds: (performance.now() - began) / 1000, value }
}
