/** Checks that pieces are read wherever the stream is cut, and that malformed ones are rejected. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { wireError } from '../wire/errors.ts'
import { createPieceReader, encodePiece, type Piece } from './pieces.ts'

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('stdout' as const, 'stderr' as const),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('gap' as const),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    dropped: fc.nat(),
  }),
)

/** Reads both streams: their bytes, and the places of gaps. */
async function read(bytes: Uint8Array, cuts: readonly number[]): Promise<string[]> {
  const seen: string[] = []
  const reader = createPieceReader(async (one) => {
    const text =
      one.kind === 'gap'
        ? `gap ${one.stream} ${one.dropped}`
        : `${one.kind} ${Buffer.from(one.bytes).toString('hex')}`
    const last = seen.at(-1)
    // Bytes of a piece may arrive in parts.
    if (one.kind !== 'gap' && last?.startsWith(`${one.kind} `))
      seen[seen.length - 1] = last + Buffer.from(one.bytes).toString('hex')
    else seen.push(text)
  })
  let from = 0
  for (const cut of [
    ...cuts.map((one) => one % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]) {
    await reader.write(bytes.subarray(from, cut))
    from = cut
  }
  reader.end()
  return seen
}

test('output pieces are read wherever the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      async (pieces, cuts) => {
        const bytes = Buffer.concat(pieces.map(encodePiece))
        assert.deepEqual(await read(bytes, cuts), await read(bytes, []))
        const sent = pieces
          .filter((one) => one.kind !== 'gap')
          .map((one) => [one.kind, Buffer.from(one.bytes).toString('hex')])
        const got = await read(bytes, cuts)
        for (const stream of ['stdout', 'stderr'])
          assert.equal(
            got
              .filter((line) => line.startsWith(`${stream} `))
              .map((line) => line.slice(stream.length + 1))
              .join(''),
            sent
              .filter(([kind]) => kind === stream)
              .map(([, hex]) => hex)
              .join(''),
          )
      },
    ),
  )
})

test('rejects output pieces of an unknown kind, a wrong length or without an end', async () => {
  const refused = (error: unknown): boolean => wireError.is(error, 'protocol.malformed')
  for (const hex of [
    '0000000001',
    '0500000001ff',
    '01ffffffff',
    '0300000001ff',
    '0100000002ff',
    '0100',
  ])
    await assert.rejects(read(Buffer.from(hex, 'hex'), []), refused, hex)
})
