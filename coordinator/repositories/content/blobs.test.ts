import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { blobId, sha256Hex } from '../../../shared/ids.ts'
import { DIALECTS, testDatabase } from '../../database/testing.ts'
import { recordBlobs } from './blobs.ts'
import type { BlobRecord } from '../model/blob.ts'

const blobs: readonly BlobRecord[] = Array.from({ length: 1200 }, (_, number) => {
  const sha256 = sha256Hex.parse(createHash('sha256').update(String(number)).digest('hex'))
  return { id: blobId.parse(sha256), sha256, size: number }
})

for (const dialect of DIALECTS)
  test(`records blobs of parallel callers in any order (${dialect})`, async () => {
    await using fixture = await testDatabase(dialect)
    const { query } = fixture.database
    for (let round = 0; round < 5; round += 1) {
      await query.deleteFrom('blob').execute()
      const orders = [blobs, blobs.toReversed(), [...blobs.slice(600), ...blobs]]
      await Promise.all(
        [...orders, ...orders].map((order, at) => recordBlobs(query, order, round + at)),
      )
      const { count } = await query
        .selectFrom('blob')
        .select((row) => row.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      assert.equal(count, blobs.length)
    }
  })
