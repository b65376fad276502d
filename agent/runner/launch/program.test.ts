import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { findProgram } from './program.ts'
import { StartFailure } from '../ground/start-failure.ts'

let folder: string
const options = (path = '/usr/bin:/bin'): { path: string; cwd: string } => ({ path, cwd: folder })
const refused = (name: string, message: string, path?: string): Promise<void> =>
  assert.rejects(
    findProgram(name, options(path)),
    (error) => error instanceof StartFailure && error.message === message,
  )

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-program-'))
  const file = async (name: string, bytes: string | Buffer, mode = 0o755): Promise<void> => {
    await writeFile(join(folder, name), bytes)
    await chmod(join(folder, name), mode)
  }
  await mkdir(join(folder, 'bin'))
  await file('script', '#! /bin/sh -e\n')
  await file('bin/muster-script', '#!/bin/sh\n')
  await file('loop-free', '#!/bin/sh\n')
  await file('plain', '#!/bin/sh\n', 0o644)
  await file('bad-interpreter', '#!/no/such/interpreter\n')
  await file('loop', `#!${join(folder, 'loop')}\n`)
  await file('no-magic', 'echo hello\n')
  await file('empty', '')
  const foreign = Buffer.alloc(64)
  foreign.write('\x7fELF\x02\x01\x01', 'latin1')
  foreign.writeUInt16LE(0xf00d, 18)
  await file('foreign', foreign)
  await symlink('nowhere', join(folder, 'dangling'))
})
after(() => rm(folder, { recursive: true }))

test('finds a program as execvp does', async () => {
  assert.match(await findProgram('sh', options()), /\/sh$/)
  assert.equal(await findProgram('./script', options()), join(folder, 'script'))
  assert.equal(await findProgram('bin/muster-script', options()), join(folder, 'bin/muster-script'))
  assert.equal(
    await findProgram('muster-script', options('/usr/bin:bin')),
    join(folder, 'bin/muster-script'),
  )
  assert.equal(
    await findProgram('loop-free', options('')),
    join(folder, 'loop-free'),
    'an empty part of PATH is the working directory',
  )
  assert.equal(
    await findProgram('loop-free', options(`${folder}/bin:${folder}`)),
    join(folder, 'loop-free'),
  )
})

test('PC-15: an impossible start has the error of the operating system', async () => {
  await refused('/no/such/program', 'ENOENT: no such file or directory: /no/such/program')
  await refused('no-such-program', 'ENOENT: no such file or directory: no-such-program')
  await refused('./plain', `EACCES: permission denied: ./plain (${folder}/plain)`)
  await refused(join(folder, 'plain'), `EACCES: permission denied: ${folder}/plain`)
  await refused('plain', 'EACCES: permission denied: plain', folder)
  await refused(join(folder, 'bin'), `EACCES: permission denied: ${folder}/bin`)
  await refused(join(folder, 'script/x'), `ENOTDIR: not a directory: ${folder}/script/x`)
  await refused(join(folder, 'dangling'), `ENOENT: no such file or directory: ${folder}/dangling`)
  await refused(
    join(folder, 'bad-interpreter'),
    'ENOENT: no such file or directory: /no/such/interpreter, ' +
      `the interpreter of ${folder}/bad-interpreter`,
  )
  await refused('a\0b', 'EINVAL: invalid argument: program "a\\u0000b"')
  await assert.rejects(findProgram(join(folder, 'loop'), options()), /^StartFailure: ELOOP/)
  for (const name of ['no-magic', 'empty', 'foreign'])
    await refused(join(folder, name), `ENOEXEC: exec format error: ${folder}/${name}`)
})
