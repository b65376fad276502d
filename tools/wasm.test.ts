/** What is generated and committed is what its sources make today. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { generate } from './wasm.ts'

test('the committed kernel is what its source compiles to, byte for byte, and is small', async () => {
  const generated = await generate()
  assert.deepEqual(
    generated.map(({ name }) => basename(name)),
    ['compress.ts', 'kernel.wasm'],
  )
  for (const { name, contents } of generated) {
    assert(
      readFileSync(name).equals(contents),
      `${basename(name)} is not what tools/blake3-rounds.ts and kernel.as.ts make: run npm run wasm`,
    )
    assert(contents.length < 40_000)
  }
})
