import assert from 'node:assert/strict'
import { test } from 'node:test'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cgroupMounts, makeFolder, ownGroups } from './cgroup.ts'

test('parses control group mounts of both versions from mountinfo', () => {
  const text = [
    '25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
    '33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
    '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate',
    '42 31 0:39 /box /mnt/a\\040b rw - cgroup cgroup rw,memory',
    '',
  ].join('\n')
  assert.deepEqual(cgroupMounts(text), [
    { version: 1, point: '/sys/fs/cgroup/cpu,cpuacct', names: ['rw', 'cpu', 'cpuacct'] },
    { version: 2, point: '/sys/fs/cgroup/unified', names: ['rw', 'nsdelegate'] },
    { version: 1, point: '/mnt/a b', names: ['rw', 'memory'] },
  ])
})

test('parses the control groups of a process by controller', () => {
  const groups = ownGroups('9:name=systemd:/a\n4:cpu,cpuacct:/b c\n0::/user.slice/x:y\n')
  assert.deepEqual(
    [...groups],
    [
      ['name=systemd', '/a'],
      ['cpu', '/b c'],
      ['cpuacct', '/b c'],
      ['', '/user.slice/x:y'],
    ],
  )
})

test('creates the runner folder in the first group that can be written, and in no other', (t) => {
  const point = mkdtempSync(join(tmpdir(), 'muster-cgroup-'))
  t.after(() => rmSync(point, { recursive: true, force: true }))
  mkdirSync(join(point, 'own'))
  const mount = { version: 1, point, names: ['memory'] } as const
  const folder = makeFolder(mount, new Map([['memory', '/own']]), 'tag')
  assert.equal(folder, join(point, 'muster/tag'))
  assert.equal(existsSync(join(point, 'own/muster')), false)
})

test('creates the runner folder in its own group if the root group is read-only', (t) => {
  const point = mkdtempSync(join(tmpdir(), 'muster-cgroup-'))
  t.after(() => rmSync(point, { recursive: true, force: true }))
  // A file in place of the folder: root ignores file modes.
  writeFileSync(join(point, 'muster'), '')
  mkdirSync(join(point, 'own'))
  const mount = { version: 1, point, names: ['memory'] } as const
  const folder = makeFolder(mount, new Map([['memory', '/own']]), 'tag')
  assert.equal(folder, join(point, 'own/muster/tag'))
})
