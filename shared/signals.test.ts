import assert from 'node:assert/strict'
import test from 'node:test'
import { signalName, signalNumber } from './signals.ts'

test('every Linux signal has a name that converts back to its number', () => {
  for (let number = 1; number <= 64; number += 1)
    assert.equal(signalNumber(signalName(number)), number, signalName(number))
  assert.deepEqual([6, 9, 15, 29, 32, 34, 37, 63, 64].map(signalName), [
    'SIGABRT',
    'SIGKILL',
    'SIGTERM',
    'SIGIO',
    'SIG32',
    'SIGRTMIN',
    'SIGRTMIN+3',
    'SIGRTMIN+29',
    'SIGRTMAX',
  ])
  assert.equal(signalNumber('SIGRTMAX-1'), 63)
  for (const name of [
    '',
    'TERM',
    'SIG',
    'SIG0',
    'SIG65',
    'SIGRTMIN-1',
    'SIGRTMIN+31',
    'SIGRTMAX+1',
    'SIGRTMAX-31',
    '__proto__',
    'constructor',
  ])
    assert.equal(signalNumber(name), undefined, name)
})
