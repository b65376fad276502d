/**
 * Handles the verbs on content of operators. The caller uploads the bytes. They are accepted only
 * if their id and size equal those in the intent.
 */
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import { blobId } from '../../shared/ids.ts'
import { recordBlobs } from '../repositories/content/blobs.ts'
import type { Database } from '../database/database.ts'
import { type ActHandler, interrupted } from '../operations/operation.ts'
import { done } from '../outcomes/result.ts'

export interface ArtifactVerbsDeps {
  readonly pool: Pool
  readonly database: Database
  readonly clock: Clock
}

export function artifactVerbs(deps: ArtifactVerbsDeps) {
  return { 'artifact.add': addVerb(deps) }
}

function addVerb({ pool, database, clock }: ArtifactVerbsDeps): ActHandler<'artifact.add'> {
  return {
    kind: 'act',
    touches: (operation) => [`blob/${operation.arguments.blob}`],
    async act(operation, { upload, signal }) {
      const { blob, size } = operation.arguments
      const expect = { id: blobId.parse(blob), size }
      const stored = await pool.ingest(upload, { maxBytes: size, expect, signal })
      // Crash here: the pool has the blob, and the database has no row. If the operator adds the
      // blob again, the row is written.
      const row = { id: stored.id, sha256: stored.sha256, size: stored.size }
      await recordBlobs(database.query, [row], clock.now())
      return [done(blob, { size: stored.size, existed: stored.existed })]
    },
    async probe(operation) {
      const { blob } = operation.arguments
      const id = blobId.parse(blob)
      const row = await database.query
        .selectFrom('blob')
        .select('size')
        .where('id', '=', id)
        .executeTakeFirst()
      // The blob was added only if its row and its file both exist.
      if (row !== undefined && (await pool.stat(id)) !== undefined)
        return [done(blob, { size: row.size, recovered: true })]
      return [interrupted(operation, blob)]
    },
  }
}
