/**
 * Checks that the folders of each part don't import each other in circles. Type imports and
 * `import()` are included. Tests and testing/ may import from everywhere.
 */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { importsOf, type Source, sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

const ROOTS = ['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli'] as const

/** The parts that still have circles. A part without circles must be removed from the list. */
const NOT_YET: ReadonlySet<string> = new Set()

/** Returns, for each folder, the folders that its files import, with one such import. */
type Arrows = ReadonlyMap<string, ReadonlyMap<string, string>>

function arrowsBelow(root: string, files: readonly Source[]): Arrows {
  const arrows = new Map<string, Map<string, string>>()
  for (const file of files) {
    if (file.folder !== root || file.isTest) continue
    const from = dirname(file.path)
    for (const { file: target, line } of importsOf(file)) {
      if (target === undefined || !target.startsWith(`${root}/`)) continue
      const to = dirname(target)
      if (to === from) continue
      const known = arrows.get(from) ?? new Map<string, string>()
      arrows.set(from, known.set(to, `${file.path}:${line}: imports ${target}`))
    }
  }
  return arrows
}

/** Returns a shortest circle through the folder, as its imports. Undefined if there is none. */
function circleThrough(arrows: Arrows, start: string): readonly string[] | undefined {
  const ways = new Map<string, readonly string[]>([[start, []]])
  for (const [folder, way] of ways)
    for (const [next, example] of arrows.get(folder) ?? []) {
      if (next === start) return [...way, example]
      if (!ways.has(next)) ways.set(next, [...way, example])
    }
  return undefined
}

/** Returns each circle once, the shortest first. */
function circlesBelow(root: string, files: readonly Source[]): readonly string[] {
  const arrows = arrowsBelow(root, files)
  const circles = [...arrows.keys()].flatMap((folder) => {
    const circle = circleThrough(arrows, folder)
    return circle === undefined ? [] : [[...circle].sort()]
  })
  const texts = circles.sort((a, b) => a.length - b.length).map((circle) => circle.join('\n    '))
  return [...new Set(texts)]
}

test('policy: folders do not import each other in circles', () => {
  for (const root of ROOTS) {
    const circles = circlesBelow(root, sources())
    if (!NOT_YET.has(root))
      assertNone(
        circles,
        'move one of the files to another folder, or pass the part as an argument',
      )
    else assert.notDeepEqual(circles, [], `${root} has no circle any more: take it off the list`)
  }
})

test('policy: the guard finds a circle of three folders, and one of type imports only', () => {
  const file = (path: string, code: string): Source => ({
    path,
    folder: 'cli',
    text: code,
    code,
    isTest: false,
  })
  // The texts are joined here, so that no policy reads them as imports of this file.
  const importing = (words: string, path: string): string => `${words}'${path}'`
  const line = [
    file('cli/a/one.ts', importing('import { two } from ', '../b/two.ts')),
    file('cli/b/two.ts', `${importing('const three = await import(', '../c/d/three.ts')})`),
  ]
  assert.deepEqual(circlesBelow('cli', line), [])
  const back = importing('import type { One } from ', '../../a/one.ts')
  assert.equal(circlesBelow('cli', [...line, file('cli/c/d/three.ts', back)]).length, 1)
  const inside = importing('import ', './y.ts')
  assert.deepEqual(circlesBelow('cli', [file('cli/a/x.ts', inside)]), [])
})
