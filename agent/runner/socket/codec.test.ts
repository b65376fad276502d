import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeFrame, FrameReader, MAX_BODY_BYTES, MAX_HEAD_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'

const heads = fc.dictionary(
  fc.string(),
  fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.string())),
  {
    noNullPrototype: true,
  },
)
const bodies = fc.uint8Array({ maxLength: 300 })

test('runner frames can be split into any chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(heads, bodies), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap(([head, body]) => encodeFrame(head, body)))
        const reader = new FrameReader()
        const read: unknown[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length] as number
          reader.push(bytes.subarray(at, at + size))
          at += size
          for (let frame = reader.next(); frame !== undefined; frame = reader.next())
            read.push([frame.head, new Uint8Array(frame.body)])
        }
        assert.deepEqual(read, frames)
      },
    ),
  )
})

test('rejects a runner frame that is too large before its bytes arrive', () => {
  for (const [head, body] of [
    [MAX_HEAD_BYTES + 1, 0],
    [2, MAX_BODY_BYTES + 1],
    [0xffffffff, 0xffffffff],
  ] as const) {
    const prefix = Buffer.alloc(8)
    prefix.writeUInt32BE(head, 0)
    prefix.writeUInt32BE(body, 4)
    const reader = new FrameReader()
    reader.push(prefix)
    assert.throws(
      () => reader.next(),
      (error) => runnerError.is(error, 'runner.broken-frame'),
    )
  }
  assert.throws(
    () => encodeFrame({}, new Uint8Array(MAX_BODY_BYTES + 1)),
    (error) => runnerError.is(error, 'runner.broken-frame'),
  )
})

test('the runner frame reader handles arbitrary bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reader = new FrameReader()
      reader.push(bytes)
      try {
        while (reader.next() !== undefined);
      } catch (error) {
        assert.ok(runnerError.is(error, 'runner.broken-frame'), String(error))
      }
    }),
  )
})

test('rejects a runner frame without a JSON object', () => {
  for (const text of ['[]', 'null', '1', '{', '\xff']) {
    const json = Buffer.from(text, 'latin1')
    const prefix = Buffer.alloc(8)
    prefix.writeUInt32BE(json.length, 0)
    const reader = new FrameReader()
    reader.push(Buffer.concat([prefix, json]))
    assert.throws(
      () => reader.next(),
      (error) => runnerError.is(error, 'runner.broken-frame'),
      text,
    )
  }
})
