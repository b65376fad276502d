import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFolderDestination } from './folder/destination.ts'
import { formats } from '../../compose/formats.ts'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { openPool } from '../../../shared/blobs/pool.ts'
import { systemClock } from '../../../shared/clock.ts'
import { repositorySchema } from '../../../shared/config/repository.ts'
import { systemRandom } from '../../../shared/random.ts'
import { readManifest } from '../content/manifest.ts'
import { openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrate.ts'
import { createMirror } from '../sync/mirror.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import { silentLog } from '../sync/testing.ts'
import { sendFile, testServer } from '../upstream/testing.ts'
import { createPublisher } from './publisher.ts'

const PROGRAM = fileURLToPath(new URL('./testing/publish-until-killed.ts', import.meta.url))
const signal = new AbortController().signal

async function open(folder: string, create = false) {
  const clock = systemClock
  const database = await openDatabase({ clock }, { url: `sqlite://${folder}/muster.db`, create })
  if (create) await migrate(database)
  const pool = await openPool({ clock, random: systemRandom }, { folder: join(folder, 'pool') })
  const destination = createFolderDestination({ pool, clock, random: systemRandom })
  const deps = { formats, destination, database, pool, clock, random: systemRandom, log: silentLog }
  return {
    ...deps,
    publisher: createPublisher(deps),
    mirror: createMirror(deps, { workers: 4, retries: 0, timeout: 5 }),
  }
}

const latest = (folder: string) => ({
  repository: 'repo',
  target: 'latest',
  path: join(folder, 'publish/repo/latest'),
})

/** Creates a home with two versions of a repository. The first one is published. */
async function home(folder: string): Promise<[number, number]> {
  const upstream = join(folder, 'upstream')
  await using server = await testServer(async (request, response) => {
    const bytes = await readFile(join(upstream, decodeURIComponent(request.url as string))).catch(
      () => undefined,
    )
    if (bytes === undefined) response.writeHead(404).end()
    else sendFile(request, response, bytes, { etag: `"${bytes.length}"` })
  })
  const opened = await open(folder, true)
  const parsed = repositorySchema.parse({
    name: 'repo',
    type: 'rpm',
    upstream: { url: server.url },
  })
  const config = {
    ...parsed,
    publish: { latest_path: latest(folder).path, snapshots_path: '' },
    file: '',
  }
  const versions: number[] = []
  for (const version of ['1.0', '10.0']) {
    await writeRepository(upstream, [{ name: 'a', version, release: '1' }], {
      revision: 1_700_000_000 + Number(version),
    })
    const result = await opened.mirror.sync(config, { signal })
    assert.equal(result.result, 'complete')
    versions.push((result as { version: number }).version)
  }
  await opened.publisher.publish({ ...latest(folder), version: versions[0] as number, signal })
  await opened.database.close()
  return versions as [number, number]
}

function run(
  folder: string,
  version: number,
  place: number,
): Promise<{ signal: string | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, folder, String(version), String(place)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (text) => (output += String(text)))
    child.on('error', reject)
    child.on('close', (_code, died) => resolve({ signal: died, output }))
  })
}

test('PB-04: a kill at any step leaves one whole version, and recovery confirms it', async () => {
  const base = await mkdtemp(join(tmpdir(), 'muster-crash-'))
  try {
    const [first, second] = await home(join(base))
    const copy = async (name: string): Promise<string> => {
      const folder = join(base, name)
      for (const part of ['muster.db', 'pool', 'publish'])
        await cp(join(base, part), join(folder, part), { recursive: true, verbatimSymlinks: true })
      return folder
    }
    const places = Number((await run(await copy('lives'), second, 0)).output)
    assert.ok(places > 20)
    // The first places build the tree. The last ones are the row, the switch and later steps.
    const chosen = [
      1,
      4,
      places - 9,
      places - 6,
      places - 5,
      places - 4,
      places - 3,
      places - 2,
      places - 1,
      places,
    ]
    const left = await concurrently(chosen, 2, async (place) => {
      const folder = await copy(`killed-${place}`)
      assert.equal((await run(folder, second, place)).signal, 'SIGKILL')
      const found = (version: number) => assertWhole(folder, version)
      // Readers have one of the two versions even before a repair.
      await found(first).catch(() => found(second))
      const opened = await open(folder)
      await opened.publisher.recover([latest(folder)], signal)
      const row = await opened.database.query
        .selectFrom('publication')
        .select('version')
        .executeTakeFirstOrThrow()
      await opened.publisher.publish({ ...latest(folder), version: second, signal })
      await opened.database.close()
      await found(second)
      return row.version
    })
    assert.deepEqual([...new Set(left)].sort(), [first, second], 'both outcomes were met')
  } finally {
    await rm(base, { recursive: true, force: true })
  }

  async function assertWhole(folder: string, version: number): Promise<void> {
    const { database } = await open(folder)
    try {
      const pool = join(folder, 'pool/blobs')
      for (const file of await readManifest(database.query, version)) {
        const path = join(latest(folder).path, file.path)
        assert.deepEqual(
          await readFile(path),
          await readFile(join(pool, file.blob.slice(0, 2), file.blob)),
          file.path,
        )
      }
    } finally {
      await database.close()
    }
  }
})
