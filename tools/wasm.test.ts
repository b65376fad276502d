/** Checks that the committed files equal the output of their sources. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { generate } from './wasm.ts'

test('the committed kernel equals the output of its source, and is small', async () => {
  const generated = await generate()
  assert.deepEqual(
    generated.map(({ name }) => basename(name)),
    ['compress.ts', 'kernel.wasm'],
  )
  for (const { name, contents } of generated) {
    assert(
      readFileSync(name).equals(contents),
      `${basename(name)} differs from the output of tools/blake3-rounds.ts and kernel.as.ts; ` +
        'run: npm run wasm',
    )
    assert(contents.length < 40_000)
  }
})
