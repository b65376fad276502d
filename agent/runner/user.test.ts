import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownAccount } from './launch/account.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { openRunnerHome } from './testing/runner-home.ts'

/** A user that exists in every distribution. */
const NOBODY = 'nobody'

/**
 * Returns another user, if possible one with supplementary groups, so that the test can compare
 * them.
 */
function anotherUser(): string {
  const names = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(':')[3]?.split(',') ?? [])
  return names.find((name) => name !== '' && name !== ownAccount().name) ?? NOBODY
}

test('PC-20: a run as another user has exactly its identity', async () => {
  await using runner = await openRunnerHome()
  const user = anotherUser()
  const script =
    'id; umask; grep -E "NoNewPrivs|CapEff|CapPrm|CapInh|CapAmb" /proc/self/status; ' +
    'ls /proc/self/fd | tr "\\n" " "; echo; env; echo up >/dev/stderr'
  const { run, ...status } = await runner.start(['sh', '-c', script], { user })
  if (process.geteuid?.() !== 0)
    return assert.equal(
      describeRun(status),
      `failed to start: EPERM: operation not permitted: user ${user}`,
    )
  const { stdout, stderr } = await runner.output(run)
  const [id, umask, ...rest] = stdout.toString().trimEnd().split('\n')
  assert.equal(`${id}\n`, execFileSync('id', [user]).toString())
  assert.equal(umask, '0022')
  const facts = Object.fromEntries(rest.slice(0, 5).map((line) => line.split(/:\s+/)))
  assert.deepEqual(facts, {
    CapInh: '0000000000000000',
    CapPrm: '0000000000000000',
    CapEff: '0000000000000000',
    CapAmb: '0000000000000000',
    NoNewPrivs: '1',
  })
  assert.equal(rest[5], '0 1 2 3 ')
  assert.ok(rest.includes(`USER=${user}`))
  assert.equal(stderr.toString(), 'up\n', 'its pipes belong to it: /dev/stderr can be opened')
})

test('PC-20: a run as another user cannot read secrets of the agent', async (t) => {
  if (process.geteuid?.() !== 0) return t.diagnostic('only root can become another user: not tried')
  await using runner = await openRunnerHome()
  const key = join(runner.home, 'key')
  await writeFile(key, 'secret', { mode: 0o600 })
  // The folder is open, so only the mode protects the file.
  await chmod(runner.home, 0o755)
  const { run } = await runner.start(
    [
      'sh',
      '-c',
      'cat "$1"; cat "$2"/runs/*/record.json; ls "$2/run"; echo done',
      'sh',
      key,
      runner.home,
    ],
    { user: NOBODY },
  )
  const { stdout, stderr } = await runner.output(run)
  assert.equal(stdout.toString(), 'done\n')
  assert.equal(stderr.toString().match(/denied/gi)?.length, 3)
})

test('PC-15: a program without execute permission is a failed start', async (t) => {
  if (process.geteuid?.() !== 0) return t.diagnostic('only root can become another user: not tried')
  await using runner = await openRunnerHome()
  const own = join(runner.home, 'own')
  await writeFile(own, '#!/bin/sh\necho never\n')
  await chmod(own, 0o700)
  const status = await runner.start([own], { user: NOBODY })
  assert.equal(describeRun(status), `failed to start: EACCES: permission denied: ${own}`)
})

test('every runner may start runs as its user', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start(['id', '-u'], { user: ownAccount().name })
  assert.equal((await runner.output(run)).stdout.toString(), `${process.geteuid?.()}\n`)
})
