/**
 * Checks that the runner of command blocks detects wrong output, and supports daemons and several
 * hosts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VERSION } from '../shared/version.ts'
import { runPage } from './readme.ts'
import { difference, readBlocks } from './readme-blocks.ts'

/** Returns a block of commands, and the block of its output if there is one. */
function block(commands: string, { output, options }: { output?: string; options?: string } = {}) {
  const directive = options === undefined ? '' : `<!-- readme: ${options} -->\n`
  const expected = output === undefined ? '' : `\n\`\`\`text\n${output}\n\`\`\`\n`
  return `${directive}\`\`\`sh\n${commands}\n\`\`\`\n${expected}`
}

test('readme: parses blocks with their options and output, and skips other fences', () => {
  const run = block('a\n# a comment\nb \\\n  c\n\nd', {
    output: 'out\n\nend',
    options: 'host=web-1, background, timeout=5',
  })
  const skipped = block('e', { options: 'skip: it needs two machines' })
  const page = `# x\n\n${run}\n\`\`\`yaml\nno: 1\n\`\`\`\n${skipped}`
  const [first, second, ...others] = readBlocks(page)
  assert.deepEqual(
    first?.commands.map(({ text, line }) => [line, text]),
    [
      [5, 'a'],
      [7, 'b \\\n  c'],
      [10, 'd'],
    ],
  )
  assert.deepEqual(
    [first?.expected, first?.host, first?.background, first?.timeoutMs],
    [['out', '', 'end'], 'web-1', true, 5000],
  )
  assert.deepEqual([second?.skip, second?.expected], ['it needs two machines', []])
  assert.deepEqual(others, [])
  assert.throws(() => readBlocks(block('a', { options: 'hots=x' })), /unknown directive hots=x/)
  assert.throws(() => readBlocks('```sh\na\n'), /line 1: the block does not end/)
})

test('readme: compares output line by line; … matches any text', () => {
  assert.equal(difference([], 'anything'), undefined)
  assert.equal(difference(['id …', '…', 'end'], 'id 42\nx\ny\nend\n'), undefined)
  assert.equal(difference(['id …', '…'], 'id 42\n'), undefined)
  assert.match(difference(['a'], 'b\n') ?? '', /no line matches "a"/)
  assert.match(difference(['a'], 'a\nb\n') ?? '', /there are more/)
  assert.match(difference(['a.c'], 'abc\n') ?? '', /no line matches "a.c"/)
})

test('readme: runs commands in order, expands shortened words, stops at a failure', async () => {
  const page = [
    block('muster version\npwd', { output: `${VERSION}\n…/work` }),
    block('echo token-12345 of $HOME\necho token-…', {
      output: 'token-… of …/other\ntoken-12345',
      options: 'host=other',
    }),
    block('exit 3'),
    block('echo not reached'),
  ].join('\n')
  const outcomes = await runPage(page)
  assert.deepEqual(
    outcomes.map(({ problem }) => problem),
    [undefined, undefined, undefined, undefined, 'it exited with 3'],
  )
})

test('readme: waits until a background command is ready, and ends it with the page', async () => {
  const page = [
    block('echo "ready $$"; exec sleep 600', { options: 'background, host=mirror' }),
    block('echo up', { output: 'up' }),
    block('sleep 100', { options: 'timeout=1' }),
  ].join('\n')
  const outcomes = await runPage(page)
  assert.deepEqual(
    outcomes.map(({ problem }) => problem),
    [undefined, undefined, 'it did not end in time'],
  )
  const pid = Number(/ready (\d+)/.exec(outcomes[0]?.output ?? '')?.[1])
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('readme: maps hosts and default ports of the page to free loopback ports', async () => {
  const outcomes = await runPage(
    block(
      'echo http://mirror.example:8480/repos\n' +
        'echo mirror.example:8480 web.example:8480 127.0.0.1:8481 127.0.0.1:9999',
    ),
  )
  const [first = '', second = ''] = outcomes.map(({ output }) => output)
  const port = /127\.0\.0\.1:(\d+)\/repos/.exec(first)?.[1]
  assert.notEqual(port, undefined)
  const [mirror, web, gateway, other] = second
    .trim()
    .split(' ')
    .map((address) => address.split(':')[1])
  assert.equal(mirror, port)
  assert.equal(new Set([mirror, web, gateway, '8480', '8481']).size, 5)
  assert.equal(other, '9999')
})

test('readme: supports here-documents, exports of one host, and missing programs', async () => {
  const page = [
    block('cat > note <<END\none\n$HOME two\nEND\ncat note', {
      output: 'one\n…/other two',
      options: 'host=other',
    }),
    block('export GREETING=hello\necho $GREETING', { output: 'hello', options: 'host=other' }),
    block('echo "[$GREETING]"', { output: '[]' }),
    block('no-such-program', { options: 'needs=no-such-program' }),
    block('cat ~/.ssh/id_ed25519.pub', { output: 'ssh-ed25519 AAAA… you@local' }),
  ].join('\n')
  const outcomes = await runPage(page)
  assert.deepEqual(
    outcomes.map(({ command, problem }) => [command.split('\n')[0], problem]),
    [
      'cat > note <<END',
      'cat note',
      'export GREETING=hello',
      'echo $GREETING',
      'echo "[$GREETING]"',
      'cat ~/.ssh/id_ed25519.pub',
    ].map((command) => [command, undefined]),
  )
})

test('readme: every repository that a page mirrors exists', async () => {
  const [outcome] = await runPage(
    block(
      "node -e 'fetch(process.argv[1]).then((r) => console.log(r.status))' " +
        'http://packages.example/x/repodata/repomd.xml',
      { output: '200' },
    ),
  )
  assert.equal(outcome?.problem, undefined)
})
