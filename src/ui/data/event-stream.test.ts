import { expect, test } from 'vitest'
import { streamMessages } from './event-stream.ts'
import type { StreamMessage } from './event-stream.ts'

async function read(...pieces: string[]): Promise<readonly StreamMessage[]> {
  async function* given(): AsyncGenerator<string> {
    yield* pieces
  }
  const messages: StreamMessage[] = []
  for await (const message of streamMessages(given())) messages.push(message)
  return messages
}

test('reads messages however they are cut', async () => {
  const whole = 'id: 12\nevent: events\ndata: {"a":\ndata: 1}\n\n: still here\n\ndata: two\n\n'
  const expected = [
    { event: 'events', data: '{"a":\n1}', id: '12' },
    { event: 'message', data: 'two', id: undefined },
  ]
  for (let at = 0; at <= whole.length; at += 1) {
    expect(await read(whole.slice(0, at), whole.slice(at))).toEqual(expected)
  }
})

test('reads carriage returns as line ends, also when one is cut in two', async () => {
  expect(await read('data: one\r', '\n\r\ndata: two\r\n\r\n')).toEqual([
    { event: 'message', data: 'one', id: undefined },
    { event: 'message', data: 'two', id: undefined },
  ])
})

test('leaves out a message that never ended', async () => {
  expect(await read('data: one\n\ndata: half')).toEqual([{ event: 'message', data: 'one', id: undefined }])
})
