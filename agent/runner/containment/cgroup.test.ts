import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cgroupMounts, ownGroups } from './cgroup.ts'

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
