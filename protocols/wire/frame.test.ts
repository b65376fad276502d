import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Frame, FrameReader, MAX_DATA_BYTES, encodeFrame, writeData } from './frame.ts'

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function readAll(
  bytes: Uint8Array,
  options: { size?: number; maxBytes?: number } = {},
): Promise<Frame[]> {
  const reader = new FrameReader(pieces(bytes, options.size ?? 7), {
    maxBytes: options.maxBytes ?? 1024,
  })
  const frames: Frame[] = []
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    const last = frames.at(-1)
    const payload = Uint8Array.from(frame.payload)
    if (frame.kind === 'data' && last?.kind === 'data')
      frames[frames.length - 1] = { kind: 'data', payload: Buffer.concat([last.payload, payload]) }
    else frames.push({ kind: frame.kind, payload })
  }
  return frames
}

test('frame: reads the same frames wherever the bytes are cut', async () => {
  const kinds = fc.constantFrom('request', 'response', 'progress', 'error', 'select', 'end')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(kinds, fc.uint8Array({ maxLength: 300 })), { maxLength: 8 }),
      fc.integer({ min: 1, max: 50 }),
      async (list, size) => {
        const bytes = Buffer.concat(list.map(([kind, payload]) => encodeFrame(kind, payload)))
        const frames = await readAll(bytes, { size })
        assert.deepEqual(
          frames.map(({ kind, payload }) => [kind, Buffer.from(payload).toString('hex')]),
          list.map(([kind, payload]) => [kind, Buffer.from(payload).toString('hex')]),
        )
      },
    ),
    { numRuns: 50 },
  )
})

test('frame: sends bulk bytes in data frames, and reads them back unchanged', async () => {
  const bytes = Buffer.alloc(3 * MAX_DATA_BYTES + 5, 'muster')
  const written: Uint8Array[] = []
  const duplex = {
    source: pieces(bytes, 1),
    write: async (...chunks: Uint8Array[]) =>
      void written.push(...chunks.map((chunk) => Uint8Array.from(chunk))),
    close: async () => undefined,
    abort: () => undefined,
  }
  await writeData(duplex, bytes)
  assert.equal(written.length, 8)
  const frames = await readAll(Buffer.concat(written), { size: 10_000 })
  assert.equal(frames.length, 1)
  assert.ok(bytes.equals(frames[0]?.payload as Uint8Array))
})

test('frame: rejects malformed frames with their fault', async () => {
  for (const [hex, code] of [
    ['00', 'protocol.malformed'],
    ['01', 'protocol.closed'],
    ['0100', 'protocol.malformed'],
    ['0108', 'protocol.malformed'],
    ['0301aa', 'protocol.closed'],
    ['0104', 'protocol.malformed'],
    ['0304ff', 'protocol.closed'],
    ['80', 'protocol.closed'],
    ['82080100', 'protocol.too-large'],
    ['82801004', 'protocol.too-large'],
  ] as const) {
    await assert.rejects(readAll(Buffer.from(hex, 'hex')), { code }, hex)
  }
})

test('TR-08: a frame longer than its limit is rejected before any of it is kept', async () => {
  let pulled = 0
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('ffffff7f01', 'hex')
    for (;;) {
      pulled += 1
      yield Buffer.alloc(1024)
    }
  }
  await assert.rejects(new FrameReader(endless(), { maxBytes: 1 << 20 }).next(), {
    code: 'protocol.too-large',
  })
  assert.equal(pulled, 0)
})

test('frame: rest() returns the bytes after the frames that were read', async () => {
  const bytes = Buffer.concat([
    encodeFrame('select', Buffer.from('/muster/x/1')),
    Buffer.from('behind'),
  ])
  for (const size of [1, 5, 13, 100]) {
    const reader = new FrameReader(pieces(bytes, size), { maxBytes: 64 })
    assert.equal((await reader.next())?.kind, 'select')
    assert.equal(Buffer.concat(await Array.fromAsync(reader.rest())).toString(), 'behind')
  }
})

test('TR-08: a frame that arrives byte by byte is kept in one buffer', async () => {
  const payload = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 251))
  // This source reuses one byte of memory. If the reader kept references instead of copies, each
  // byte would become the last one.
  const source = async function* (): AsyncGenerator<Uint8Array> {
    const one = new Uint8Array(1)
    for (const byte of encodeFrame('request', payload)) {
      one[0] = byte
      yield one
    }
  }
  const reader = new FrameReader(source(), { maxBytes: 4096 })
  const frame = await reader.next()
  assert.ok(payload.equals(frame?.payload as Uint8Array))
})
