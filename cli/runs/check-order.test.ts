/** Checks that intents that every host rejects are not signed. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { checkOrder } from './check-order.ts'
import { orderOf } from './run-order.ts'

const flags = { on: ['h'], env: {}, outputLimit: 65_536 } as unknown as Parameters<
  typeof orderOf
>[0]
const check = (command: readonly string[], more: object = {}) =>
  checkOrder(orderOf({ ...flags, ...more }, command))

test('check order: an invalid intent is a usage error that names the flag or the word', () => {
  const long = 'x'.repeat(32_769)
  const wrong: [command: string[], flags: object, says: RegExp][] = [
    [
      ['echo', long],
      {},
      /^word 2 of the command, which has 32769 characters: expected at most 32768/,
    ],
    [
      Array<string>(1025).fill('x'),
      {},
      /^the command, which has 1025 words: expected at most 1024/,
    ],
    [['true'], { cwd: 'srv' }, /^--cwd: expected an absolute path, got "srv"/],
    [['true'], { cwd: `/${long}` }, /^--cwd: expected at most 4096 characters/],
    [['true'], { user: 'a b' }, /^--user: expected 1 to 64 letters/],
    [[''], {}, /^the command, which has 1 words: expected a program, got an empty word/],
    [['true'], { name: '' }, /^--name: expected at least 1 character/],
    [['true'], { name: 'x'.repeat(65) }, /^--name: expected at most 64 characters/],
  ]
  for (const [command, more, says] of wrong)
    assert.throws(
      () => check(command, more),
      (error) => {
        assert.ok(error instanceof MusterError)
        assert.match(error.message, says)
        assert.equal(error.exit, 'usage')
        return true
      },
    )
  const order = check(['echo', 'x'.repeat(32_768)], { cwd: '/srv' })
  assert.equal(order.cwd, '/srv')
})
