/** Checks that the committed pages equal the generated ones, and that their examples are valid. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfigDocument } from '../shared/config/document.ts'
import { loadConfig } from '../shared/config/load.ts'
import { docsFolder, pages } from './docs.ts'

for (const [name, render] of Object.entries(pages)) {
  test(`docs/${name} equals the output of tools/docs.ts`, async () => {
    const committed = readFileSync(join(docsFolder, name), 'utf8')
    assert.ok(
      committed === (await render()),
      `docs/${name} is out of date; run: node tools/run.mjs tools/docs.ts`,
    )
  })
}

test('docs/CONFIG.md: the examples load, and the page describes their keys', async () => {
  const page = (pages['CONFIG.md'] as () => string)()
  const [main = '', repository = ''] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(
    (match) => match[1],
  )
  const home = mkdtempSync(join(tmpdir(), 'muster-docs-'))
  try {
    writeFileSync(join(home, 'config.yaml'), main.replace('conf.d/*.yaml', 'a-*.yaml'))
    writeFileSync(join(home, 'a-repository.yaml'), repository)
    const config = await loadConfig(
      { env: {}, uid: process.getuid?.() ?? 0 },
      { file: join(home, 'config.yaml'), home },
    )
    assert.equal(config.repositories[0]?.name, 'rhel9-baseos')
  } finally {
    rmSync(home, { recursive: true })
  }
  for (const text of [main, repository]) {
    for (const [key, value] of Object.entries(
      parseConfigDocument('example', text, {}).value as object,
    )) {
      assert.ok(page.includes(`| \`${key}\` |`), key)
      if (typeof value !== 'object' || Array.isArray(value)) continue
      for (const child of Object.keys(value as object))
        assert.ok(page.includes(`| \`${key}.${child}\` |`), `${key}.${child}`)
    }
  }
})
