import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromSystemError, parseExecError } from './start-failure.ts'

test('parses the exec error of env(1) only if it names the program', () => {
  const read = (stderr: string, program = '/x/y'): string | undefined =>
    parseExecError(stderr, program)?.message
  assert.equal(read("/usr/bin/env: '/x/y': Permission denied\n"), 'EACCES: permission denied: /x/y')
  assert.equal(read("env: can't execute '/x/y': Text file busy\n"), 'ETXTBSY: text file busy: /x/y')
  assert.equal(
    read("nice: '/x=y': No such file or directory\n", '/x=y'),
    'ENOENT: no such file or directory: /x=y',
  )
  assert.equal(
    read("env: '/other': Permission denied\n"),
    undefined,
    'the program is itself an env',
  )
  assert.equal(read("env: '/x/y': Something else\n"), undefined)
  assert.equal(read("hello\nenv: '/x/y': Permission denied\n"), undefined)
  assert.equal(read("sh: '/x/y': Permission denied\n"), undefined)
  assert.equal(read(''), undefined)
})

test('only a system error becomes a start failure', () => {
  assert.equal(
    fromSystemError(Object.assign(new Error('spawn E2BIG'), { code: 'E2BIG' }), 'x')?.message,
    'E2BIG: argument list too long: x',
  )
  assert.equal(
    fromSystemError(Object.assign(new Error(), { code: 'ERR_INVALID_ARG' }), 'x'),
    undefined,
  )
  assert.equal(fromSystemError(new Error('bug'), 'x'), undefined)
})
