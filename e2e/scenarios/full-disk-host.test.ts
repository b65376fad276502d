/**
 * Checks that a host with a full disk refuses intents with the reason, and continues when it has
 * space.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { startFleet, within } from '../testing/fleet.ts'

const MOUNT = ['unshare', '--map-root-user', '--mount']
/** Copies the home to a small file system that only the agent sees. */
const SMALL = 'mount -t tmpfs -o size=12m none "$2" && cp -a "$1/." "$2" && shift 2 && exec "$@"'
const WRONG = /do not fit|does not extend|cannot be reached|did not admit/

test('full disk: a host refuses a run with the reason until it has space', async (t) => {
  const mounts = await promisify(execFile)(MOUNT[0] as string, [...MOUNT.slice(1), 'true']).then(
    () => true,
    () => false,
  )
  // agent/full-disk.test.ts tests the same writes with a limit on the size of files.
  if (!mounts) return t.diagnostic('nothing can be mounted here')
  await using fleet = await startFleet({ coordinator: false })
  const first = await fleet.coordinator()
  const port = /tcp\/(\d+)\//.exec(first.ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  const joined = await fleet.agent('a8')
  await joined.stop()
  await rename(fleet.path('a8'), fleet.path('joined'))
  await promisify(execFile)('mkdir', ['-m', '700', fleet.path('a8')])
  const through = [...MOUNT, 'sh', '-c', SMALL, 'sh', fleet.path('joined'), fleet.path('a8')]
  const agent = await fleet.start('a8', ['agent', 'run'], through)
  const ballast = join('/proc', String(agent.pid), 'root', fleet.path('a8'), 'ballast')
  const fill = async (): Promise<void> => {
    const file = await open(ballast, 'a')
    for (let bytes = 65_536; bytes >= 1; bytes = Math.floor(bytes / 2))
      for (let isWritten = true; isWritten; )
        isWritten = await file.write(Buffer.alloc(bytes)).then(
          ({ bytesWritten }) => bytesWritten === bytes,
          () => false,
        )
    await file.close()
  }
  const run = () => fleet.muster(['run', '--on', 'a8', '--', 'touch', fleet.path('ran')])
  const listed = async () =>
    (JSON.parse(await fleet.ok(['agent', 'list', '-o', 'json'])) as { trouble?: string }[])[0]

  assert.equal((await run()).code, 0)
  await rm(fleet.path('ran'))
  await fill()
  const refused = await run()
  assert.equal(refused.code, 125, refused.stdout + refused.stderr)
  assert.match(refused.stderr, /no space left on a8: .*the disk is full/)
  assert.doesNotMatch(refused.stderr, /connection ended|not known/)
  const outcomes = (await fleet.ok(['audit', 'log', '-o', 'json'])).match(/"result": ?"\w+"/g)
  assert.match(outcomes?.at(-1) ?? '', /refused/)

  await within(async () => (await listed())?.trouble?.startsWith('disk full: '), 'the report')
  assert.match(await fleet.ok(['agent', 'list']), /connected, disk full/)
  const status = await fleet.muster(['status'])
  assert.match(status.stdout + status.stderr, /a8: disk full: /)
  const doctor = await fleet.muster(['doctor'])
  assert.match(doctor.stdout + doctor.stderr, /a8: disk full: /)
  assert.notEqual(doctor.code, 0)
  // This includes a host that must reconnect first.
  await first.stop()
  await fleet.coordinator()
  await within(async () => (await listed())?.trouble?.startsWith('disk full: '), 'the host back')

  await rm(ballast)
  await within(async () => {
    const row = await listed()
    return row !== undefined && row.trouble === undefined
  }, 'the host without trouble')
  await within(async () => (await run()).code === 0, 'a run')
  assert.doesNotMatch(
    (await agent.log())
      .split('\n')
      .filter((line) => !line.includes('ECONNREFUSED'))
      .join('\n'),
    WRONG,
  )
})
