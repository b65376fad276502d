/** The command completes nouns, verbs, flags, choices and arguments, but no free values. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { defineCommand, type Registry } from '../../program/command.ts'
import { complete } from './complete.handler.ts'

const load = async (passThrough = false) => ({
  command: defineCommand({
    summary: 'x',
    flags: {
      level: { type: 'choice', value: 'L', choices: ['observe', 'control'], summary: 'x' },
      dryRun: { type: 'boolean', summary: 'x' },
      to: { type: 'string', value: 'F', summary: 'x' },
    },
    ...(passThrough
      ? {
          passThrough: true as const,
          arguments: { words: { summary: 'x', variadic: true as const } },
        }
      : { arguments: { shell: { summary: 'x', choices: ['bash', 'zsh'] } } }),
    examples: [],
    handler: async () => ({ handle: async () => undefined }),
  }),
})
const registry: Registry = {
  repo: { summary: 'x', verbs: { sync: () => load(), show: () => load() } },
  run: { summary: 'x', command: () => load() },
  pass: { summary: 'x', command: () => load(true) },
  __complete: { summary: 'x', command: () => load() },
}

test('completion: words, verbs, flags, choices and arguments', async () => {
  const cases: [string, string[]][] = [
    ['', ['repo', 'run', 'pass']],
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
    ['--home /x ', ['repo', 'run', 'pass']],
    ['--home ', []],
    ['--output y', ['yaml']],
    ['--ver', ['--verbose']],
    ['--home repo repo s', ['sync', 'show']],
    ['repo -o json s', ['sync', 'show']],
    ['repo --home ', []],
    ['pass --level o', ['observe']],
    ['pass -- --l', []],
    ['pass ls --', []],
    ['repo --help ', []],
  ]
  for (const [line, expected] of cases)
    assert.deepEqual(await complete(registry, line.split(' ')), expected, line)
})

test('completion: the bash script passes the words up to the cursor', async () => {
  const bin = join(import.meta.dirname, '../../../bin')
  const script = `source <(muster completion bash)
for line in "$@"; do
  read -ra words <<< "$line"
  COMP_WORDS=(muster "\${words[@]}" ""); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
  _muster; echo "\${COMPREPLY[*]}"
done`
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-c', script, 'bash', '--home /x repo', 'completion', 'blob get x --to'],
    {
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    },
  )
  assert.deepEqual(stdout.split('\n'), ['list show check sync publish', 'bash zsh fish', '', ''])
})
