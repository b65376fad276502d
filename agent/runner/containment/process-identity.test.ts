import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { allProcesses, isAlive, lives, readBootId, readStat } from './process-identity.ts'
import { eventually } from '../testing/runner-home.ts'

test('boot, pid and start time identify a process with any name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-name-'))
  const odd = join(folder, 'a) R 1 (b')
  await symlink('/bin/sleep', odd)
  const child = spawn(odd, ['1000'], { stdio: 'ignore', detached: true })
  await once(child, 'spawn')
  const pid = child.pid as number
  const stat = readStat(pid)
  assert.ok(stat)
  assert.deepEqual([stat.parent, stat.session, stat.group], [process.pid, pid, pid])
  const identity = { bootId: readBootId(), pid, startTime: stat.startTime }
  assert.equal(isAlive(identity, readBootId()), true)
  assert.equal(isAlive(identity, 'another boot'), false)
  assert.equal(
    isAlive({ ...identity, startTime: String(Number(stat.startTime) + 1) }, readBootId()),
    false,
  )
  assert.ok(allProcesses().some((process) => process.pid === pid))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(isAlive(identity, readBootId()), false)
  assert.equal(readStat(pid), undefined)
  await rm(folder, { recursive: true })
})

test('a zombie counts as ended', async () => {
  // The inner program ends when its input ends. The outer program is then a sleep, which never
  // calls wait(2).
  const parent = spawn(
    '/bin/sh',
    ['-c', 'exec 3<&0; cat <&3 >/dev/null & echo $!; exec sleep 1000'],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    await eventually(
      'the outer one is a sleep',
      async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n',
    )
    assert.equal(lives(readStat(pid)), true)
    parent.stdin.end()
    await eventually('a zombie', () => readStat(pid)?.state === 'Z')
    assert.equal(lives(readStat(pid)), false)
    assert.ok(!allProcesses().some((process) => process.pid === pid))
  } finally {
    parent.kill('SIGKILL')
    await once(parent, 'exit')
  }
})
