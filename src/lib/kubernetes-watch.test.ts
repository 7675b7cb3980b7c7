import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { manualClock } from '../../test/manual-clock.ts'
import { watchResources } from './kubernetes-watch.ts'

/** An API server that does as it is told: each request waits for its answer in `next()`. */
interface FakeServer {
  readonly url: string
  next(): Promise<{ readonly url: URL; readonly request: IncomingMessage; readonly response: ServerResponse }>
  close(): Promise<void>
}

async function startFake(): Promise<FakeServer> {
  const asked: Awaited<ReturnType<FakeServer['next']>>[] = []
  const waiting: ((one: Awaited<ReturnType<FakeServer['next']>>) => void)[] = []
  const server = createServer((request, response) => {
    const one = { url: new URL(request.url ?? '', 'http://fake'), request, response }
    const call = waiting.shift()
    if (call === undefined) asked.push(one)
    else call(one)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    next() {
      const one = asked.shift()
      return one === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(one)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const PATH = '/apis/kuma.io/v1alpha1/accessaudits'
const item = (name: string, resourceVersion = '1') => ({ metadata: { name, resourceVersion } })
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`

let fake: FakeServer
let clock: ReturnType<typeof manualClock>
let end: AbortController
let done: Promise<void>
/** What was told, newest last: names of items, or a trouble. */
let told: string[]
let onTold: () => void

/** Waits until something more was told. */
async function toldAfter(count: number): Promise<string | undefined> {
  while (told.length <= count) await new Promise<void>((resolve) => (onTold = resolve))
  return told[count]
}

async function waits(): Promise<void> {
  while (clock.waiting() === 0) await new Promise((resolve) => setImmediate(resolve))
}

function tell(text: string): void {
  told.push(text)
  onTold()
}

beforeEach(async () => {
  fake = await startFake()
  clock = manualClock()
  end = new AbortController()
  told = []
  onTold = () => undefined
  const server = { url: fake.url, token: () => 'secret' }
  const nameOf = (each: unknown) => String(Reflect.get(Object(Reflect.get(Object(each), 'metadata')), 'name'))
  done = watchResources(
    {
      server,
      path: PATH,
      clock,
      random: () => 1,
      onItems: (items) => tell(items.map(nameOf).join(' ')),
      onTrouble: (reason) => reason !== undefined && tell(`trouble: ${reason}`),
    },
    end.signal,
  )
})

afterEach(async () => {
  end.abort()
  await done
  await fake.close()
})

async function answerList(items: readonly object[], resourceVersion = '10'): Promise<void> {
  const { response } = await fake.next()
  response.end(JSON.stringify({ metadata: { resourceVersion }, items }))
}

test('lists page by page as who it is, and watches from there', async () => {
  const first = await fake.next()
  expect(first.request.headers.authorization).toBe('Bearer secret')
  expect(first.url.pathname).toBe(PATH)
  first.response.end(JSON.stringify({ metadata: { resourceVersion: '9', continue: 'more' }, items: [item('a')] }))
  const second = await fake.next()
  expect(second.url.searchParams.get('continue')).toBe('more')
  second.response.end(JSON.stringify({ metadata: { resourceVersion: '10' }, items: [item('b')] }))

  expect(await toldAfter(0)).toBe('a b')
  const watch = await fake.next()
  expect(watch.url.searchParams.get('resourceVersion')).toBe('10')
  expect(watch.url.searchParams.get('allowWatchBookmarks')).toBe('true')
})

test('tells what is added, changed and deleted, also where a line comes in two parts', async () => {
  await answerList([item('a')])
  await toldAfter(0)
  const { response } = await fake.next()
  const added = event('ADDED', item('b', '11'))
  response.write(added.slice(0, 20))
  response.write(added.slice(20))
  expect(await toldAfter(1)).toBe('a b')
  response.write(event('DELETED', item('a', '12')))
  expect(await toldAfter(2)).toBe('b')
})

test('a watch that ends goes on where it was, as bookmarks say, without a new list', async () => {
  await answerList([item('a')])
  await toldAfter(0)
  const { response } = await fake.next()
  response.end(event('BOOKMARK', item('', '25')))
  await waits()
  clock.advance(1000)

  const again = await fake.next()
  expect(again.url.searchParams.get('watch')).toBe('1')
  expect(again.url.searchParams.get('resourceVersion')).toBe('25')
  expect(told).toEqual(['a'])
})

test.each([
  ['as the status', (response: ServerResponse) => response.writeHead(410).end()],
  ['as an event', (response: ServerResponse) => response.end(event('ERROR', { kind: 'Status', code: 410 }))],
])('a place that is gone, %s, is a new list at once', async (_, answer) => {
  await answerList([item('a')])
  await toldAfter(0)
  answer((await fake.next()).response)

  await answerList([item('c')], '30')
  expect(await toldAfter(1)).toBe('c')
  expect((await fake.next()).url.searchParams.get('resourceVersion')).toBe('30')
})

test('says why nothing is known, waits longer each time, and goes on when the server is there again', async () => {
  for (const [n, waitMs] of [1000, 2000, 4000].entries()) {
    ;(await fake.next()).response.writeHead(403).end()
    expect(await toldAfter(n)).toBe(`trouble: GET ${PATH} was answered 403`)
    await waits()
    clock.advance(waitMs - 1)
    expect(clock.waiting()).toBe(1)
    clock.advance(1)
  }
  await answerList([item('a')])
  expect(await toldAfter(3)).toBe('a')
})

test('what is no JSON is a trouble and ends nothing', async () => {
  ;(await fake.next()).response.end('<html>')
  expect(await toldAfter(0)).toContain('trouble:')
  await waits()
  clock.advance(1000)
  await answerList([])
  expect(await toldAfter(1)).toBe('')
})
