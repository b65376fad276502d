import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { decompress, sniffCompression } from './decompress.ts'

const LINES = Buffer.from(
  Array.from({ length: 20 }, (_, index) => `line ${index} aaaaaaaaaaaaaaaaaa\n`).join(''),
)
const base64 = (text: string): Buffer => Buffer.from(text, 'base64')

/** Made with bzip2 1.0.8 and XZ Utils 5.4.1 (through Python's bz2 and lzma). */
const BZ2 = {
  lines: base64(
    'QlpoOTFBWSZTWTpHumYAAHNZAAARQAB/4CIlIABQppkYmJiCTVQT/VEZqbRCHYQwEMfFvHP3913i2223HAyCqqqqr0EkQhkIZCHgQyEPRdyRThQkDpHumYA=',
  ),
  twoStreams: base64(
    'QlpoOTFBWSZTWaRjnbsAAACRgEAAASAcACAAIYAMAycu4u5IpwoSFIxzt2BCWmgxMUFZJlNZJooCNAAAAoGADgGIACAAIhhoMAcCmF3JFOFCQJooCNA=',
  ),
  empty: base64('QlpoORdyRThQkAAAAAA='),
  /** 300,000 zero bytes and `abc` 50,000 times, in blocks of 100,000. */
  blocks: base64(
    'QlpoMTFBWSZTWTRzN60AAkxBgMAAOAAEAAAIIABQYAFKhk0UR3tIqWSCSrfSCSrZBJVkUR8xQVkmU1l8W9fFACRlAQA4ACAAMMwFKaakUI5IoRqRQjxdyRThQkBS9uJ8',
  ),
}
const XZ = {
  lines: base64(
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AIRAEBdADYaSh8IoCYDN6s+tyRjTVpmWpX64PlL6C3jI117o3m3q1fRzTOI3fKiD7UOAY24HJsGH+oyeElY3blz6W1s6wAA1fkNC+vaTfMAAVySBAAAAHb/vZyxxGf7AgAAAAAEWVo=',
  ),
  twoStreams: base64(
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAFZmlyc3QgAAAA5vUbUSR5EHIAAR4GwS+kHR+2830BAAAAAARZWv03elhaAAAE5ta0RgIAIQEWAAAAdC/lowEABXNlY29uZAAAADjoiMXGMLR0AAEeBsEvpB0ftvN9AQAAAAAEWVo=',
  ),
  sha256Check: base64(
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQACc2hhAADWAEdLG45Q02M8kcDPHvxFS3nJYkpD/X3kQe5xdFcmqwABMwOhgeRNGJtLmgEAAAAAClla',
  ),
  dictionary256MiB: base64(
    '/Td6WFoAAATm1rRGAgAhASAAAAAJiKV2AQADZGljdADf5hcC56zJAAABHARvLJzBH7bzfQEAAAAABFla',
  ),
}
const zstd = (bytes: Uint8Array, params: Record<number, number> = {}): Buffer =>
  zstdCompressSync(bytes, { params })
const SKIPPABLE = Buffer.concat([
  Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]),
  Buffer.from('hello'),
])

async function* chunks(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(
  bytes: Uint8Array,
  options: { size?: number; maxBytes?: number } = {},
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of decompress(chunks(bytes, options.size), {
    file: 'primary.xml',
    maxBytes: options.maxBytes ?? 1 << 20,
  }))
    parts.push(part)
  return Buffer.concat(parts)
}

test('decompresses every compression that dnf reads, whatever the name', async () => {
  for (const [name, bytes] of Object.entries({
    gzip: gzipSync(LINES),
    xz: XZ.lines,
    zstd: zstd(LINES),
    bzip2: BZ2.lines,
    none: LINES,
  })) {
    assert.equal(sniffCompression(bytes), name)
    assert.deepEqual(await all(bytes), LINES, name)
  }
  assert.deepEqual(
    await all(BZ2.blocks),
    Buffer.concat([Buffer.alloc(300_000), Buffer.from('abc'.repeat(50_000))]),
  )
  assert.equal((await all(BZ2.empty)).length, 0)
  assert.equal((await all(Buffer.alloc(0))).length, 0)
})

test('RS-07: decodes every gzip member, xz stream, zstandard frame and bzip2 stream', async () => {
  const expected = 'first second'
  assert.equal(
    (await all(Buffer.concat([gzipSync('first '), gzipSync('second')]))).toString(),
    expected,
  )
  assert.equal(
    (
      await all(
        Buffer.concat([zstd(Buffer.from('first ')), SKIPPABLE, zstd(Buffer.from('second'))]),
      )
    ).toString(),
    expected,
  )
  assert.equal(
    (await all(Buffer.concat([SKIPPABLE, zstd(Buffer.from(expected))]))).toString(),
    expected,
  )
  assert.equal((await all(XZ.twoStreams)).toString(), expected)
  assert.equal((await all(BZ2.twoStreams)).toString(), expected)
  assert.equal(
    (await all(Buffer.concat([gzipSync(expected), Buffer.alloc(512)]))).toString(),
    expected,
    'zero padding, as tapes have it',
  )
})

test('RS-07: rejects a file that is cut, damaged or followed by other bytes', async () => {
  const whole = {
    gzip: gzipSync(LINES),
    xz: XZ.lines,
    zstd: zstd(LINES, { [constants.ZSTD_c_checksumFlag]: 1 }),
    bzip2: BZ2.lines,
  }
  for (const [name, bytes] of Object.entries(whole)) {
    for (const cut of [bytes.length >> 1, bytes.length - 1])
      await assert.rejects(
        all(bytes.subarray(0, cut)),
        { code: 'mirror.metadata' },
        `${name} cut at ${cut}`,
      )
    const altered = Buffer.from(bytes)
    altered[bytes.length >> 1] = (altered[bytes.length >> 1] as number) ^ 0x10
    await assert.rejects(all(altered), { code: 'mirror.metadata' }, `${name} altered`)
    await assert.rejects(
      all(Buffer.concat([bytes, Buffer.from('garbage')])),
      { code: 'mirror.metadata' },
      `${name} with garbage after it`,
    )
  }
  const crc = Buffer.from(whole.gzip)
  crc[crc.length - 8] = (crc[crc.length - 8] as number) ^ 1
  await assert.rejects(all(crc), /can't be decompressed: it is damaged/)
})

test('RS-05: stops a decompression bomb at the limit', async () => {
  const bombs = {
    gzip: gzipSync(Buffer.alloc(1 << 24)),
    zstd: zstd(Buffer.alloc(1 << 24)),
    bzip2: BZ2.blocks,
  }
  for (const [name, bytes] of Object.entries(bombs)) {
    assert.ok(bytes.length < 20_000)
    let passed = 0
    await assert.rejects(
      async () => {
        for await (const part of decompress(chunks(bytes), {
          file: 'primary.xml',
          maxBytes: 100_000,
        }))
          passed += part.length
      },
      { code: 'mirror.too-big' },
      name,
    )
    assert.ok(passed <= 100_000)
  }
})

test('RS-06: bounds windows and dictionaries at the sizes that dnf accepts', async () => {
  assert.deepEqual(await all(zstd(LINES, { [constants.ZSTD_c_windowLog]: 27 })), LINES)
  const frame = zstd(LINES)
  // A frame header that asks for a 2 GiB window: descriptor without single-segment flag, window
  // byte 0xA8 (RFC 8878 section 3.1.1.1.2).
  const wide = Buffer.concat([frame.subarray(0, 4), Buffer.from([0x00, 0xa8]), frame.subarray(7)])
  await assert.rejects(all(wide), /window is 2147483648 bytes/)
  await assert.rejects(all(XZ.dictionary256MiB), /dictionary is 268435456 bytes/)
  await assert.rejects(all(XZ.sha256Check), /integrity check has type 10; recompress/)
})

test('RS-11: decodes a compressed file the same way wherever its chunks end', async () => {
  const inputs = [
    Buffer.concat([gzipSync('first '), gzipSync('second')]),
    Buffer.concat([zstd(Buffer.from('first ')), SKIPPABLE, zstd(Buffer.from('second'))]),
    XZ.twoStreams,
    BZ2.twoStreams,
    Buffer.from('first second'),
  ]
  for (const input of inputs)
    for (const size of [1, 2, 3, 7, 64])
      assert.equal((await all(input, { size })).toString(), 'first second')
})

test('RS-07: altered bytes never pass as the original and never hang', async () => {
  const inputs = [
    gzipSync(LINES),
    zstd(LINES, { [constants.ZSTD_c_checksumFlag]: 1 }),
    BZ2.lines,
    XZ.lines,
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...inputs),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (input, place, mask) => {
        const altered = Buffer.from(input)
        altered[place % input.length] = (altered[place % input.length] as number) ^ mask
        const result = await all(altered).catch((error: Error & { code?: string }) => {
          assert.match(String(error.code), /^mirror\./)
          return undefined
        })
        // Some header fields don't affect the content (time, operating system). Another magic makes
        // it a plain file.
        if (result !== undefined && sniffCompression(altered) !== 'none')
          assert.deepEqual(result, LINES)
      },
    ),
    { numRuns: 150 },
  )
})

test('passes on the error of a failed source unchanged', async () => {
  const failure = new Error('blob lost')
  for (const input of [gzipSync(LINES), zstd(LINES), BZ2.lines, XZ.lines, LINES]) {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield input.subarray(0, 30)
      throw failure
    }
    await assert.rejects(
      async () => {
        for await (const part of decompress(failing(), { file: 'x', maxBytes: 1e6 })) void part
      },
      (error) => error === failure,
    )
  }
})
