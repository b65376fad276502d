import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findAccount, ownAccount } from './account.ts'
import { buildEnvironment } from './environment.ts'
import { StartFailure } from '../ground/start-failure.ts'
import { findTools } from './system-tools.ts'

const account = { name: 'deploy', uid: 1000, gid: 1000, home: '/home/deploy' }

test('PC-18: the environment has four variables and those of the run definition', () => {
  assert.deepEqual(buildEnvironment(account, {}), [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/home/deploy',
    'LANG=C.UTF-8',
    'USER=deploy',
  ])
  assert.deepEqual(buildEnvironment(account, { PATH: '/x', 'odd.name-1': 'a\nb=c', EMPTY: '' }), [
    'PATH=/x',
    'HOME=/home/deploy',
    'LANG=C.UTF-8',
    'USER=deploy',
    'odd.name-1=a\nb=c',
    'EMPTY=',
  ])
})

test('PC-18: an invalid environment is rejected', () => {
  for (const name of ['', 'A=B', 'FOO\n', 'FOO\n=', 'A\0'])
    assert.throws(() => buildEnvironment(account, { [name]: 'x' }), StartFailure, name)
  assert.throws(
    () => buildEnvironment(account, { A: 'x\0y' }),
    /^StartFailure: EINVAL: invalid argument: environment value of A$/,
  )
})

test('finds the user of a run by name and by numeric id', async () => {
  const tools = findTools()
  const own = ownAccount()
  assert.deepEqual(await findAccount(tools, own.name), own)
  assert.deepEqual(await findAccount(tools, String(own.uid)), own)
  await assert.rejects(
    findAccount(tools, 'no-such-user'),
    /^StartFailure: ENOENT: no such file or directory: user no-such-user$/,
  )
  for (const user of ['-x', 'a:b', 'a\nb', 'a\0b'])
    await assert.rejects(findAccount(tools, user), /^StartFailure: EINVAL/)
})
