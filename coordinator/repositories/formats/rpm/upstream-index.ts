/** The index of an upstream: its repomd.xml, the files that it lists, and the keys beside it. */
import { allSettled } from '../../../../shared/concurrency/all-settled.ts'
import type { UpstreamIndex } from '../format.ts'
import { fetchExtras } from './extras.ts'
import { primaryPackages } from './index-files.ts'
import { type FetchedRepomd, fetchAllMetadata, versionFile } from './listing.ts'
import { REPOMD, readRepomd } from './metadata/repomd.ts'
import { writeOwnMetadata } from './write-index.ts'

/** @throws mirror.metadata */
export function upstreamIndex(fetched: FetchedRepomd): UpstreamIndex {
  const repomd = readRepomd(fetched.file.bytes)
  return {
    path: REPOMD,
    revision: repomd.revision,
    async fetch(deps, config, options) {
      const [metadata, extras] = await allSettled(
        fetchAllMetadata(deps, repomd, options),
        fetchExtras(deps, config, fetched, options),
      )
      const { files, primary } = metadata
      return {
        files: [...files, ...extras],
        fetched: metadata.fetched,
        listing: versionFile(primary),
        packages: (signal) => primaryPackages(deps, primary, signal),
        write: (chosen, signal) => writeOwnMetadata(deps, { ...chosen, repomd, files }, signal),
      }
    },
  }
}
