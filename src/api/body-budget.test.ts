import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../test/a-server.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { addBodyBudget } from './body-budget.ts'

const LENGTH = 1_000_000

/** A server, and a sender that has sent the head of a long body. */
async function aSender() {
  const app = fastify()
  const clock = manualClock()
  const limits = { requestBytes: LENGTH }
  // Nothing else of the limits is read there.
  addBodyBudget(app, { limits: limits as Parameters<typeof addBodyBudget>[1]['limits'], clock })
  app.post('/', { config: { takesRecords: true } }, async () => 'taken')
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => app.close())
  const [{ port }] = app.addresses() as [AddressInfo]
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LENGTH}\r\n\r\n"`)
  await until(async () => clock.waiting() === 1)
  return { clock, socket }
}

test('a body that hardly comes is cut off', async () => {
  const { clock, socket } = await aSender()
  const closed = once(socket, 'close')
  socket.on('error', () => undefined)
  socket.resume()
  clock.advance(10_000)
  await closed
  await until(async () => clock.waiting() === 0)
})

test('a body that comes fast enough is taken, and nothing is looked at afterwards', async () => {
  const { clock, socket } = await aSender()
  socket.write('x'.repeat(LENGTH - 2))
  socket.write('"')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toContain('taken')
  await until(async () => clock.waiting() === 0)
})
