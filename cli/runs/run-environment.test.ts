import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../shared/random.ts'
import { openCommitments } from '../../shared/trust/commitment.ts'
import { defineCommand } from '../program/command.ts'
import { parseCommand } from '../program/parse.ts'
import { runFlags } from './run-flags.ts'
import { sealEnvironment } from './run-environment.ts'

const deps = { random: systemRandom }
const command = defineCommand({
  summary: 'a test',
  flags: { env: runFlags.env },
  examples: [],
  handler: () => Promise.reject(new Error('unused')),
})
const seal = (words: readonly string[], environment: Record<string, string | undefined> = {}) => {
  const parsed = parseCommand(['one'], command, words)
  assert.ok(parsed !== 'help')
  return sealEnvironment(
    deps,
    parsed.flags['env'] as Record<string, string | undefined>,
    environment,
  )
}

test('AL-13: --env K=V and --env K pass values, and the signed intent has none of them', () => {
  const words = [
    '--env',
    'A=x=y',
    '--env',
    'TOKEN',
    '--env',
    'EMPTY=',
    '--env',
    'B=1',
    '--env',
    'B=2',
  ]
  const { env, values } = seal(words, { TOKEN: 'canary', A: 'of the operator' })
  assert.deepEqual(openCommitments(env, values), { A: 'x=y', TOKEN: 'canary', EMPTY: '', B: '2' })
  assert.doesNotMatch(JSON.stringify(env), /canary|x=y/)
  assert.deepEqual(seal([]), { env: {}, values: [] })
  const empty = seal(['--env', 'SET'], { SET: '' })
  assert.deepEqual(openCommitments(empty.env, empty.values), { SET: '' })
})

test('AL-13: the error of a variable contains its name, never its value', () => {
  const wrong: [words: string[], says: RegExp][] = [
    [['--env', 'TOKEN'], /^--env TOKEN: this shell has no such variable/],
    [['--env', 'constructor'], /^--env constructor: this shell has no such variable/],
    [['--env', '=canary'], /^--env: expected NAME=VALUE or NAME, got ""$/],
    [['--env', '1A=canary'], /^--env "1A": expected letters, digits and underscores/],
    [['--env', 'A B=canary'], /^--env "A B": expected letters/],
    [['--env', `A=${'canary'.repeat(30_000)}`], /^--env "A": /],
    [
      ['--env', `A=${'canary'.repeat(11_000)}`, '--env', `B=${'canary'.repeat(11_000)}`],
      /^--env: expected at most 131072 bytes/,
    ],
    [Array.from({ length: 257 }, (_, n) => ['--env', `A${n}=canary`]).flat(), /^--env: /],
  ]
  for (const [words, says] of wrong)
    assert.throws(
      () => seal(words),
      (error) => {
        assert.ok(error instanceof Error)
        assert.match(error.message, says)
        assert.doesNotMatch(error.message, /canary/)
        assert.equal((error as { exit?: string }).exit, 'usage')
        return true
      },
    )
})
