import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isBundlePath } from './bundle-layout.ts'
import { auditError } from './errors.ts'
import {
  decodeBundle,
  decodeHashes,
  encodeBundle,
  MAX_ENTRY_BYTES,
  tileLevels,
  tilePath,
  tilesOf,
} from './tile.ts'

describe('tiles', () => {
  it('is named as in C2SP tlog-tiles', () => {
    assert.equal(tilePath({ level: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067')
    assert.equal(tilePath({ level: 1, index: 0, width: 17 }), 'tile/1/000.p/17')
    assert.equal(tilePath({ level: 'entries', index: 273, width: 112 }), 'tile/entries/273.p/112')
    assert.equal(tilePath({ level: 'entries', index: 1000, width: 256 }), 'tile/entries/x001/000')
  })

  it('lists the files of the example in the specification', () => {
    // tlog-tiles, "Partial Tiles": "A tree of size 70,000 will be represented by 273 full level 0
    // tiles, one partial level 0 tile of width 112, one full level 1 tile, one partial level 1 tile
    // of width 17, and one partial level 2 tile of width 1."
    const names = [...tilesOf(70_000)].map(tilePath)
    const hashTiles = names.filter((name) => !name.includes('entries'))
    assert.equal(hashTiles.filter((name) => /^tile\/0\/\d{3}$/.test(name)).length, 273)
    assert.deepEqual(
      hashTiles.filter((name) => name.includes('.p/') || !name.startsWith('tile/0')),
      ['tile/0/273.p/112', 'tile/1/000', 'tile/1/001.p/17', 'tile/2/000.p/1'],
    )
    assert.equal(names.filter((name) => name.includes('entries')).length, 274)
    assert.deepEqual([...tilesOf(0)], [])
    assert.deepEqual([0, 1, 256, 65_536].map(tileLevels), [0, 1, 2, 3])
  })

  it('names only files that a bundle can have', () => {
    for (const size of [1, 300, 70_000])
      for (const name of tilesOf(size)) assert.ok(isBundlePath(tilePath(name)))
    assert.ok(
      isBundlePath(tilePath({ level: 0, index: Math.floor((2 ** 53 - 1) / 256), width: 255 })),
    )
    assert.ok(isBundlePath('checkpoint'))
    for (const path of [
      '',
      '/checkpoint',
      '../checkpoint',
      'tile/0/../../x',
      'tile/7/000',
      'tile/0/0000',
      'tile/0/000.p/0',
      'tile/0/000\n',
      'tile/x/000',
    ])
      assert.equal(isBundlePath(path), false, path)
  })

  it('decodes bundles exactly as they were encoded', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }), (entries) => {
        const bytes = encodeBundle(entries)
        assert.deepEqual(
          decodeBundle(bytes, entries.length)?.map((entry) => [...entry]),
          entries.map((entry) => [...entry]),
        )
        assert.equal(decodeBundle(bytes, entries.length + 1), undefined)
        if (entries.length > 0) assert.equal(decodeBundle(bytes, entries.length - 1), undefined)
        if (bytes.length > 0)
          assert.equal(
            decodeBundle(bytes.subarray(1), entries.length) === undefined || entries.length > 1,
            true,
          )
        assert.equal(decodeBundle(Buffer.concat([bytes, Buffer.of(0)]), entries.length), undefined)
      }),
    )
    assert.equal(decodeHashes(Buffer.alloc(64), 2)?.length, 2)
    assert.equal(decodeHashes(Buffer.alloc(63), 2), undefined)
  })

  it('AL-14: encodes one entry as one record, with any content', () => {
    const entries = ['{"a":1}\n{"fake":"entry"}', '\u001b[2J', '\u0000\u0000'].map((text) =>
      Buffer.from(text),
    )
    assert.deepEqual(decodeBundle(encodeBundle(entries), 3)?.map(String), entries.map(String))
    assert.equal(encodeBundle([Buffer.alloc(MAX_ENTRY_BYTES)]).length, MAX_ENTRY_BYTES + 2)
    assert.throws(
      () => encodeBundle([Buffer.alloc(MAX_ENTRY_BYTES + 1)]),
      (error) => auditError.is(error, 'audit.entry'),
    )
  })
})
