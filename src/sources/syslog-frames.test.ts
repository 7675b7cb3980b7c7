import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'
import { SyslogFrames } from './syslog-frames.ts'

function framesOf(...parts: readonly string[]): readonly string[] {
  const frames = new SyslogFrames()
  const found = parts.flatMap((part) => frames.push(Buffer.from(part)))
  return [...found, frames.last()].filter((each) => each !== undefined).map((each) => Buffer.from(each).toString())
}

test('cuts by octet count, line end or NUL, and leaves the bytes as they are', () => {
  expect(framesOf('8 <1>a b\nc10 <2>second\n')).toEqual(['<1>a b\nc', '<2>second\n'])
  expect(framesOf('<1>a\r\n\n<2>b\n<3>c')).toEqual(['<1>a\r', '<2>b', '<3>c'])
  expect(framesOf('<1>a\0<2>b\0')).toEqual(['<1>a', '<2>b'])
  // Some count and end in a line end as well.
  expect(framesOf('4 <1>a\n4 <2>b\n')).toEqual(['<1>a', '<2>b'])
})

test('what a message holds begins no other one: the first byte of a connection decides', () => {
  expect(framesOf('<1>a\n12 <2>injected\n')).toEqual(['<1>a', '12 <2>injected'])
  expect(framesOf('10 <1>a\n<2>b\n')).toEqual(['<1>a\n<2>b\n'])
})

test('a count that is none breaks it, behind what came whole', () => {
  for (const broken of ['4 <1>a<2>b\n', '4 <1>a5x <1>a', '4 <1>a123456789 <1>a', '4 <1>a0 x']) {
    const frames = new SyslogFrames()
    expect(frames.push(Buffer.from(broken)).map(String)).toHaveLength(1)
    expect(frames.isBroken).toBe(true)
  }
})

test('finds the same frames however the stream is cut', () => {
  const messages = fc.array(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).map((text) => `<1>${text}`),
    { minLength: 1, maxLength: 8 },
  )
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), fc.boolean(), (sent, sizes, isCounted) => {
      const plain = sent.map((each) => each.replaceAll(/[\n\0]/g, '_'))
      const stream = Buffer.from(
        isCounted
          ? sent.map((each) => `${Buffer.byteLength(each)} ${each}`).join('')
          : plain.map((each) => `${each}\n`).join(''),
      )
      const frames = new SyslogFrames()
      const found: string[] = []
      for (let at = 0; at < stream.length;) {
        const size = sizes.next().value
        for (const frame of frames.push(stream.subarray(at, at + size))) found.push(Buffer.from(frame).toString())
        at += size
      }
      expect(found).toEqual(isCounted ? sent : plain)
      expect(frames.heldBytes).toBe(0)
    }),
  )
})

test.each(['counted', 'lines'])(
  'hands on one byte more than is parsed of what is longer, and goes on behind it: %s',
  (framing) => {
    const frames = new SyslogFrames()
    const long = Buffer.alloc(3 * PARSE_LIMIT_BYTES, 'x')
    const stream = Buffer.concat(
      framing === 'counted'
        ? [Buffer.from(`${long.length} `), long, Buffer.from('4 <1>b')]
        : [Buffer.from('<'), long, Buffer.from('\n<1>b\n')],
    )
    const lengths: number[] = []
    for (let at = 0; at < stream.length; at += 65_536) {
      for (const frame of frames.push(stream.subarray(at, at + 65_536))) lengths.push(frame.length)
      expect(frames.heldBytes).toBeLessThanOrEqual(PARSE_LIMIT_BYTES + 65_536)
    }
    expect(lengths).toEqual([PARSE_LIMIT_BYTES + 1, 4])
  },
)

test('takes no longer for a message in very small parts, nor for a stream of NULs', () => {
  const began = performance.now()
  for (const head of ['4000000 <', '<']) {
    const frames = new SyslogFrames()
    frames.push(Buffer.from(head))
    for (let n = 0; n < 200_000; n++) frames.push(Buffer.from('0123456789'))
    expect(frames.heldBytes).toBeGreaterThan(2_000_000)
  }
  const frames = new SyslogFrames()
  for (let n = 0; n < 64; n++) frames.push(Buffer.concat([Buffer.from('a'), Buffer.alloc(65_535)]))
  // Copying or looking through all of it for each part or NUL takes minutes.
  expect(performance.now() - began).toBeLessThan(5000)
})
