/**
 * Verbs on content that operators bring. The bytes come as the operation's upload and count only if
 * they are what the intent names.
 */
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import { blobId } from '../../shared/ids.ts'
import { recordBlobs } from '../repositories/content/blobs.ts'
import type { Database } from '../database/database.ts'
import { type ActHandler, interrupted } from '../operations/operation.ts'
import { done } from '../outcomes/result.ts'

export function artifactVerbs(deps: { pool: Pool; database: Database; clock: Clock }) {
  const add: ActHandler<'artifact.add'> = {
    kind: 'act',
    touches: (operation) => [`blob/${operation.arguments.blob}`],
    async act(operation, { upload, signal }) {
      const { blob, size } = operation.arguments
      const stored = await deps.pool.ingest(upload, {
        maxBytes: size,
        expect: { id: blobId.parse(blob), size },
        signal,
      })
      // Crash here: the blob is in the pool and no row says so. It is unreferenced; adding it again
      // writes the row.
      await recordBlobs(
        deps.database.query,
        [{ id: stored.id, sha256: stored.sha256, size: stored.size }],
        deps.clock.now(),
      )
      return [done(blob, { size: stored.size, existed: stored.existed })]
    },
    async probe(operation) {
      const blob = blobId.parse(operation.arguments.blob)
      const recorded = await deps.database.query
        .selectFrom('blob')
        .select('size')
        .where('id', '=', blob)
        .executeTakeFirst()
      // Without its row it is content that nothing finds; without its file, a row that promises too
      // much.
      if (recorded !== undefined && (await deps.pool.stat(blob)) !== undefined)
        return [done(blob, { size: recorded.size, recovered: true })]
      return [interrupted(operation, blob)]
    },
  }
  return { 'artifact.add': add }
}
