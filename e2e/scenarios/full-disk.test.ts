/**
 * Tests full disks through the command line: a clear error, no partial file, and work continues
 * when there is space. Commands get a limit on the size of files, so that writes fail in the
 * middle. A coordinator gets a small file system.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { systemRandom } from '../../shared/random.ts'
import { type Ended, startFleet } from '../testing/fleet.ts'

const REASONS = ['too large for the file system', 'no space', 'disk is full', 'EFBIG']
const NO_SPACE = new RegExp(`^muster: error: .*(${REASONS.join('|')}).*\nmuster: hint: \\S`, 'm')

function refused(ended: Ended, code = 1): void {
  assert.equal(ended.code, code, ended.stdout + ended.stderr)
  assert.match(ended.stderr, NO_SPACE)
  assert.doesNotMatch(ended.stderr, /internal error|\n\s+at /)
}

const MOUNT = ['unshare', '--map-root-user', '--mount']
/**
 * Returns a command line that mounts a small file system at the folder and executes the following
 * words. The mount exists only in this process.
 */
const smallDisk = (folder: string, size: string): string[] => [
  ...MOUNT,
  'sh',
  '-c',
  'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"',
  'sh',
  size,
  folder,
]

test('full disk: a command without space reports this and leaves no file', async (t) => {
  await using fleet = await startFleet({ agents: 1 })
  await writeFile(fleet.path('blob'), systemRandom.bytes(300_000))
  const id = await fleet.ok(['blob', 'add', fleet.path('blob')])
  const folder = fleet.path('to')
  await mkdir(folder)

  await t.test('init and agent join remove partial homes, and can be repeated', async () => {
    refused(await fleet.muster(['init'], { home: 'to/c', fileBytes: 100 }))
    const token = await fleet.ok(['enroll', 'token', '--approve'])
    refused(
      await fleet.muster(['agent', 'join', token, '--name', 'late'], {
        home: 'to/late',
        fileBytes: 100,
      }),
    )
    assert.deepEqual(await readdir(folder), [])
    // The space is enough for key and identity, but not for the roots. The home stays, because the
    // token is used.
    refused(
      await fleet.muster(['agent', 'join', token, '--name', 'late'], {
        home: 'late',
        fileBytes: 440,
      }),
    )
    const [, row] = JSON.parse(await fleet.ok(['agent', 'list', '-o', 'json'])) as { id: string }[]
    assert.equal(
      await fleet.ok(['agent', 'join', token, '--name', 'late'], { home: 'late' }),
      row?.id,
    )
  })

  await t.test('blob get and audit export leave what was there', async () => {
    await writeFile(fleet.path('to', 'file'), 'before')
    for (const home of ['coordinator', 'a1'])
      refused(
        await fleet.muster(['blob', 'get', id, '--to', fleet.path('to', 'file')], {
          home,
          fileBytes: 100_000,
        }),
      )
    refused(
      await fleet.muster(['audit', 'export', '--to', fleet.path('to', 'log')], { fileBytes: 1000 }),
    )
    assert.deepEqual(
      [await readdir(folder), await readFile(fleet.path('to', 'file'), 'utf8')],
      [['file'], 'before'],
    )
    await fleet.ok(['audit', 'export', '--to', `${fleet.path('to', 'log')}/`])
    await fleet.ok(['audit', 'verify', '--bundle', fleet.path('to', 'log')])
  })

  await t.test(
    'a target that cannot be written is refused before anything is fetched',
    async () => {
      for (const [to, says] of [
        [folder, /it is a folder/],
        [fleet.path('blob', 'x'), /a part of its path is not a folder/],
        [fleet.path('nowhere', 'x'), /there is no such file or folder/],
      ] as const) {
        const ended = await fleet.muster(['blob', 'get', id, '--to', to])
        assert.deepEqual([ended.code, says.test(ended.stderr)], [2, true], ended.stderr)
        const exported = await fleet.muster(['audit', 'export', '--to', to])
        assert.equal(exported.code, to === folder ? 6 : 2, exported.stderr)
      }
      assert.deepEqual(
        (await readdir(dirname(folder))).filter((name) => name.includes('.part')),
        [],
      )
    },
  )
})

test('full disk: a coordinator refuses changes, stays alive, continues later', async () => {
  const mounts = await promisify(execFile)(MOUNT[0] as string, [...MOUNT.slice(1), 'true']).then(
    () => true,
    () => false,
  )
  await using fleet = await startFleet({ coordinator: false })
  const disk = fleet.path('disk')
  await mkdir(disk)
  await fleet.configure('coordinator', '01-disk.yaml', `storage: { base_path: "${disk}" }\n`)
  // If only root can mount, a limit on the size of files replaces the small disk.
  const through = mounts ? smallDisk(disk, '1m') : ['prlimit', '--fsize=2000000']
  const small = await fleet.start('coordinator', ['coordinator', 'run'], through)
  await writeFile(fleet.path('blob'), systemRandom.bytes(3_000_000))
  refused(await fleet.muster(['blob', 'add', fleet.path('blob')]))
  if (mounts) {
    refused(await fleet.muster(['repo', 'sync', '--repo-id', 'sample']))
    assert.deepEqual(await readdir(fleet.path('coordinator', 'publish')).catch(() => []), [])
  }
  await fleet.ok(['audit', 'verify'])
  assert.equal(await small.stop(), 0)
  await fleet.coordinator()
  await fleet.ok(['blob', 'add', fleet.path('blob')])
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
})
