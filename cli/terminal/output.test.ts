/** Checks the format of results, and that control characters in them are made visible. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatList, formatOne, type ListResult } from './output.ts'
import { printable } from './sink.ts'

interface Host {
  readonly name: string
  readonly id: string
  readonly size?: number
}
const hosts: ListResult<Host> = {
  rows: [
    { name: 'web-1', id: 'a', size: 5 },
    { name: '名前', id: 'b\u001b[2J\u202e' },
  ],
  columns: [
    { header: 'name', value: (host) => host.name },
    { header: 'size', value: (host) => host.size, align: 'right' },
    { header: 'id', value: (host) => host.id, wide: true },
  ],
  name: (host) => host.id,
}

test('output: tables have upper-case headers, aligned columns, and - for no value', async () => {
  assert.equal(await formatList('table', hosts), 'NAME    SIZE\nweb-1      5\n名前       -\n')
  assert.equal(
    await formatList('wide', hosts),
    'NAME    SIZE   ID\nweb-1      5   a\n名前       -   b\\u001b[2J\\u202e\n',
  )
  assert.equal(await formatList('table', { ...hosts, rows: [] }), '')
})

test('output: JSON and YAML contain the whole rows, also an empty list', async () => {
  assert.deepEqual(JSON.parse(await formatList('json', hosts)), hosts.rows)
  assert.equal(await formatList('json', { ...hosts, rows: [] }), '[]\n')
  assert.equal(
    await formatList('yaml', {
      ...hosts,
      rows: hosts.rows.slice(0, 1),
      json: ({ name }) => ({ name }),
    }),
    '- name: web-1\n',
  )
})

test('output: prints one name on each line', async () => {
  assert.equal(await formatList('name', hosts), 'a\nb\\u001b[2J\\u202e\n')
})

test('output: one value is a list of labels with aligned lines', async () => {
  const result = {
    value: { id: 1 },
    name: 'x',
    fields: [
      ['id', 1],
      ['files', 'a\nb'],
      ['none', undefined],
      ['more', 'w', true],
    ] as const,
  }
  assert.equal(await formatOne('table', result), 'id      1\nfiles   a\n        b\nnone    -\n')
  assert.match(await formatOne('wide', result), /more {4}w\n/)
  assert.equal(await formatOne('json', result), '{\n  "id": 1\n}\n')
  assert.equal(await formatOne('name', result), 'x\n')
})

test('output: control characters never reach the terminal', async () => {
  const hostile = '\u001b]0;title\u0007\u009b2J\u202eabc\r\n\t\u2028\u2029\u061c'
  for (const format of ['table', 'json', 'name', 'yaml'] as const) {
    const text = await formatList(format, {
      rows: [{ name: hostile, id: hostile }],
      columns: hosts.columns,
      name: hosts.name,
    })
    assert.doesNotMatch(
      text.replaceAll('\n', ''),
      /[\u0000-\u001f\u007f-\u009f\u061c\u2028\u2029\u202e]/,
      format,
    )
  }
  assert.equal(printable('Grüße 名前 😀'), 'Grüße 名前 😀')
})

test('output: a list in parts has one header and constant columns', async () => {
  const widths: number[] = []
  const part = (...names: string[]) =>
    formatList('table', {
      ...hosts,
      rows: names.map((name) => ({ name, id: name, size: 1 })),
      widths,
    })
  assert.equal(await part('web-1'), 'NAME    SIZE\nweb-1      1\n')
  assert.equal(await part('a', 'a-long-name'), 'a                1\na-long-name      1\n')
  assert.equal(await part('b'), 'b                1\n')
})

test('output: lines for scripts replace only the table', async () => {
  const result = {
    ...hosts,
    rows: hosts.rows.slice(0, 1),
    line: (host: Host) => `${host.name} is up`,
  }
  assert.deepEqual(
    await Promise.all(
      (['table', 'wide', 'name'] as const).map((format) => formatList(format, result)),
    ),
    ['web-1 is up\n', 'web-1 is up\n', 'a\n'],
  )
  assert.deepEqual(JSON.parse(await formatList('json', result)), result.rows)
  const one = { value: { id: 1 }, name: 'x', fields: [], line: 'x\u001b' }
  assert.deepEqual(
    [await formatOne('table', one), await formatOne('json', one)],
    ['x\\u001b\n', '{\n  "id": 1\n}\n'],
  )
})

test('output: combining marks have no width; very long lists work', async () => {
  const rows = [
    { name: 'e\u0301', id: 'a', size: 1 },
    { name: 'web\u200b', id: 'b', size: 1 },
  ]
  assert.equal(
    await formatList('table', { ...hosts, rows }),
    'NAME   SIZE\ne\u0301         1\nweb\u200b       1\n',
  )
  const many = Array.from({ length: 200_000 }, (_, index) => ({
    name: `${index}`,
    id: 'a',
    size: 1,
  }))
  assert.equal((await formatList('table', { ...hosts, rows: many })).split('\n').length, 200_002)
})
