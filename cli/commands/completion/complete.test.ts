/** Completion knows nouns, verbs, flags, choices and arguments, and says nothing where a free value stands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineCommand, type Registry } from '../../command.ts'
import { complete } from './complete.handler.ts'

const load = async () => ({
  command: defineCommand({
    summary: 'x',
    flags: {
      level: { type: 'choice', value: 'L', choices: ['observe', 'control'], summary: 'x' },
      dryRun: { type: 'boolean', summary: 'x' },
      to: { type: 'string', value: 'F', summary: 'x' },
    },
    arguments: { shell: { summary: 'x', choices: ['bash', 'zsh'] } },
    examples: [],
    handler: async () => ({ handle: async () => undefined }),
  }),
})
const registry: Registry = {
  repo: { summary: 'x', verbs: { sync: load, show: load } },
  run: { summary: 'x', command: load },
  __complete: { summary: 'x', command: load },
}

test('completion: words, verbs, flags, choices and arguments', async () => {
  const cases: [string, string[]][] = [
    ['', ['repo', 'run']],
    ['r', ['repo', 'run']],
    ['repo ', ['sync', 'show']],
    ['repo s', ['sync', 'show']],
    ['repo sy', ['sync']],
    ['-q repo sy', ['sync']],
    ['repo sync --d', ['--dry-run']],
    ['repo sync --level ', ['observe', 'control']],
    ['repo sync --level c', ['control']],
    ['repo sync --to ', []],
    ['repo sync -o j', ['json']],
    ['repo sync ', ['bash', 'zsh']],
    ['repo sync --dry-run z', ['zsh']],
    ['repo sync --to x b', ['bash']],
    ['repo sync bash ', []],
    ['run b', ['bash']],
    ['nothing ', []],
    ['repo nothing ', []],
    ['toString ', []],
  ]
  for (const [line, expected] of cases) assert.deepEqual(await complete(registry, line.split(' ')), expected, line)
})
