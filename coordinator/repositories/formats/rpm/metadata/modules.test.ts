import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readModules } from './modules.ts'

async function read(text: string | Uint8Array, size = 1000) {
  async function* source(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  return readModules(source(), 'modules.yaml')
}

const modulemd = (stream: string, version: string, ...rpms: string[]): string => `---
document: modulemd
version: 2
data:
  name: db
  stream: ${stream}
  version: ${version}
  description: >-
    text that looks like
     --- a marker
  artifacts:
    rpms:
${rpms.map((each) => `    - ${each}\n`).join('')}...
`
const defaults =
  '---\ndocument: modulemd-defaults\nversion: 1\ndata: { module: db, stream: "1.10" }\n...\n'

test('modules: reads streams and versions as text, not as numbers', async () => {
  const text =
    modulemd('1.10', '8060020220408104655', 'a-0:1-1.x86_64', 'b-1:2-1.noarch') +
    defaults +
    modulemd('"2"', '1')
  const expected = [
    {
      stream: 'db:1.10',
      version: 8060020220408104655n,
      artifacts: ['a-0:1-1.x86_64', 'b-1:2-1.noarch'],
    },
    { stream: 'db:2', version: 1n, artifacts: [] },
  ]
  assert.deepEqual(await read(text), expected)
  for (const size of [1, 2, 3, 7])
    assert.deepEqual(await read(text, size), expected, `in chunks of ${size}`)
  assert.deepEqual(await read(''), [])
  assert.deepEqual(await read(defaults), [])
})

test('RS-33: rejects module bombs and broken YAML, reads tags as text', async () => {
  const laughs = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghi'.split('').map((name, index) => {
      const before = 'abcdefgh'[index]
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`
    }),
  ]
  const head = '---\ndocument: modulemd\n'
  await assert.rejects(read(`${head}${laughs.join('\n')}\n`), {
    code: 'mirror.metadata',
    message: /too many aliases/,
  })
  await assert.rejects(read(`${head}data: [\n`), { code: 'mirror.metadata', message: /not YAML/ })
  await assert.rejects(read(modulemd('1', 'new')), { message: /its version is "new"/ })
  await assert.rejects(read(`${head}data:\n  text: ${'x'.repeat(1_100_000)}\n`), {
    message: /longer than/,
  })
  await assert.rejects(read(Buffer.from([0xff, 0xfe, 0x00])), { message: /not UTF-8/ })
  const code = modulemd(
    '!!js/function "function () { throw 1 }"',
    '1',
    '!!js/undefined x-0:1-1.noarch',
  )
  assert.deepEqual(await read(code), [
    { stream: 'db:function () { throw 1 }', version: 1n, artifacts: ['x-0:1-1.noarch'] },
  ])
  assert.deepEqual(
    await read(`${head}__proto__: { data: { name: a, stream: b, version: "1" } }\n`),
    [],
  )
})
