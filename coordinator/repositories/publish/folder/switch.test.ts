import assert from 'node:assert/strict'
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '../../../../shared/random.ts'
import { generationName, layoutOf, linkText } from './layout.ts'
import { currentGeneration, prepareTarget, removeLink, switchTo } from './switch.ts'

const deps = { random: systemRandom }
const [one, two] = [generationName(1, 'a'.repeat(64)), generationName(2, 'b'.repeat(64))]

test('publish switch: switches the link in one step, and removes it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-switch-'))
  try {
    const layout = layoutOf(join(folder, 'repos', 'latest'))
    await prepareTarget(layout)
    await mkdir(layout.generations, { recursive: true })
    assert.equal(await currentGeneration(layout), undefined)
    for (const name of [one, two, two]) {
      await switchTo(deps, layout, name)
      assert.deepEqual(
        [await currentGeneration(layout), await readlink(layout.link)],
        [name, linkText(layout, name)],
      )
    }
    assert.deepEqual(await readdir(layout.generations), [], 'nor a link half-made')
    await removeLink(layout)
    await removeLink(layout)
    assert.equal(await currentGeneration(layout), undefined)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('publish switch: never replaces or removes a foreign file or link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-switch-'))
  try {
    const cases: readonly [name: string, make: (link: string) => Promise<unknown>][] = [
      ['file', (link) => writeFile(link, 'precious')],
      ['folder', (link) => mkdir(link)],
      ['foreign', (link) => symlink('/srv/elsewhere', link)],
      ['lookalike', (link) => symlink(`.gen/other/${one}/tree`, link)],
    ]
    for (const [name, make] of cases) {
      const layout = layoutOf(join(folder, name))
      await prepareTarget(layout)
      await mkdir(layout.generations, { recursive: true })
      await make(layout.link)
      const before = await lstat(layout.link)
      for (const work of [
        () => switchTo(deps, layout, one),
        () => removeLink(layout),
        () => currentGeneration(layout),
      ])
        await assert.rejects(work, { code: 'publish.target' }, name)
      assert.equal((await lstat(layout.link)).ino, before.ino, name)
    }
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'precious')
  } finally {
    await rm(folder, { recursive: true })
  }
})
