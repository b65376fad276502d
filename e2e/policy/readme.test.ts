/** Runs every command block of the README and compares the output. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runPage } from '../../tools/readme.ts'
import { readBlocks } from '../../tools/readme-blocks.ts'
import { root } from '../../tools/sources.ts'

const page = readFileSync(join(root, 'README.md'), 'utf8')

test('policy: every command block of the README runs and prints the shown output', async () => {
  const outcomes = await runPage(page)
  assert.ok(outcomes.length > 0)
  assert.deepEqual(
    outcomes.filter(({ problem }) => problem !== undefined),
    [],
  )
})

test('policy: at most half of the blocks of the README are skipped, each with its reason', () => {
  const blocks = readBlocks(page)
  const left = blocks.filter(({ skip }) => skip !== undefined)
  assert.ok(left.length <= blocks.length / 2, `${left.length} of ${blocks.length}`)
  for (const { skip, line } of left) assert.ok((skip?.length ?? 0) >= 10, `README.md:${line}`)
})
