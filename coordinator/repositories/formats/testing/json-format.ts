/**
 * A format that exists only in tests: a folder of files with an `index.json`. It shares no code
 * with the formats of the product, so it shows where the engine depends on one of them.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import type { Sha256 } from '../../../../shared/ids.ts'
import type { PackageVersion } from '../../../../shared/packages/manager.ts'
import { parseChecksum } from '../../model/checksum.ts'
import { mirrorError } from '../../model/errors.ts'
import { ownHref, parseHref } from '../../model/href.ts'
import type { ListedPackage } from '../../model/package.ts'
import type { PooledFile } from '../../model/selection.ts'
import type { VersionFile } from '../../model/version.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { PoolDeps, Probe, RepositoryFormat, UpstreamIndex } from '../format.ts'

export const INDEX = ownHref('index.json')
const MAX_BYTES = 1024 * 1024

const schema = z.object({
  revision: z.string(),
  packages: z.array(
    z.object({
      name: z.string(),
      arch: z.string(),
      version: z.string(),
      file: z.string(),
      sha256: z.string(),
      size: z.int(),
    }),
  ),
  advisories: z.array(z.string()),
})
export type JsonIndex = z.infer<typeof schema>

export const jsonFormat: RepositoryFormat = {
  type: 'json',
  manager: {
    name: 'json',
    parse: (version) => ({ epoch: 0, version, release: '' }),
    format: (each) => each.version,
    formatPackage: (each) => `${each.name}@${each.version}/${each.arch}`,
    compare,
    compareToWanted: compare,
  },
  contents: () => ({}),
  async probe(upstream, last, { signal }) {
    const validators = { etag: last?.upstream_etag ?? undefined }
    const file = await upstream.small(INDEX, { maxBytes: MAX_BYTES, validators, signal })
    if (file === 'unchanged') return file
    if (file === 'absent')
      throw mirrorError('mirror.missing', { url: addressOf(upstream), status: 404 })
    const sha256 = createHash('sha256').update(file.bytes).digest('hex') as Sha256
    if (sha256 === last?.index_checksum) return 'unchanged'
    const { etag, lastModified } = file
    return { sha256, etag, lastModified, read: () => indexOf(file.bytes) } satisfies Probe
  },
  listing: (files) => files.find(({ kind }) => kind === 'index'),
  async *packages(deps, listing, signal) {
    yield* packagesOf(await readPooled(deps, listing, signal))
  },
  newest: async (_deps, packages) =>
    packages.filter((each) =>
      packages.every(
        (other) =>
          other.name !== each.name || other.arch !== each.arch || compare(other, each) <= 0,
      ),
    ),
  async advisories(deps, files, signal) {
    const index = files.find(({ kind }) => kind === 'index')
    return index === undefined ? [] : (await readPooled(deps, index, signal)).advisories
  },
  immutable: (path) => path.startsWith('files/'),
}

function indexOf(bytes: Uint8Array): UpstreamIndex {
  const index = parse(bytes)
  return {
    path: INDEX,
    revision: index.revision,
    async fetch({ pool }, _config, { signal }) {
      const root = await ingest(pool, bytes, signal)
      return {
        files: [root],
        fetched: { files: 0, bytes: 0 },
        listing: root,
        async *packages() {
          yield* packagesOf(index)
        },
        async write({ selection }, more) {
          const chosen = { ...index, packages: selection.packages.map(rowOf) }
          return [await ingest(pool, Buffer.from(JSON.stringify(chosen)), more)]
        },
      }
    },
  }
}

function parse(bytes: Uint8Array): JsonIndex {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch (cause) {
    const reason = 'it is not an index'
    throw mirrorError('mirror.metadata', { file: INDEX, reason }, { cause })
  }
}

function packagesOf(index: JsonIndex): ListedPackage[] {
  return index.packages.map(({ name, arch, version, file, sha256, size }) => {
    const [path, checksum] = [parseHref(file), parseChecksum('sha256', sha256)]
    const refused = 'reason' in path ? path : checksum
    if ('reason' in refused) throw mirrorError('mirror.metadata', { file: INDEX, ...refused })
    if ('reason' in path || 'reason' in checksum) throw new TypeError('checked above')
    return {
      name,
      arch,
      version,
      epoch: 0,
      release: '',
      checksum: checksum.checksum,
      size,
      href: path.href,
      source: '',
      buildTime: 0,
    }
  })
}

function rowOf(each: ListedPackage): JsonIndex['packages'][number] {
  const { name, arch, version, href, checksum, size } = each
  return { name, arch, version, file: href, sha256: checksum.value, size }
}

async function readPooled(
  { pool }: PoolDeps,
  file: PooledFile,
  signal?: AbortSignal,
): Promise<JsonIndex> {
  return parse(Buffer.concat(await Array.fromAsync(pool.read(file.blob, undefined, signal))))
}

async function ingest(pool: Pool, bytes: Uint8Array, signal: AbortSignal): Promise<VersionFile> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const { id, sha256, size } = await pool.ingest(source(), { maxBytes: bytes.length, signal })
  return { id, sha256, size, path: INDEX, kind: 'index', label: '' }
}

function addressOf(upstream: Upstream): string {
  return new URL(INDEX, upstream.base).href
}

/** Compares versions, which are numbers between dots. */
function compare(a: PackageVersion, b: PackageVersion): number {
  const [left, right] = [a, b].map(({ version }) => version.split('.').map(Number)) as [
    number[],
    number[],
  ]
  const at = left.findIndex((number, index) => number !== right[index])
  if (at === -1) return left.length - right.length
  return (left[at] as number) - (right[at] ?? -1)
}
