/** Publishes to folders: each generation is a folder, and a symbolic link leads clients to one. */
import { join } from 'node:path'
import { exactStat } from '../../../../shared/blobs/verified.ts'
import type { PublishDestination } from '../destination.ts'
import { cleanUp } from './cleanup.ts'
import { generationName, type Layout, layoutOf, treeOf } from './layout.ts'
import { currentGeneration, prepareTarget, removeLink, switchTo } from './switch.ts'
import { buildTree, problemsOf, type TreeDeps } from './tree.ts'

export function createFolderDestination(deps: TreeDeps): PublishDestination {
  return {
    prepare: ({ path }) => prepareTarget(layoutOf(path)),
    current: ({ path }) => currentGeneration(layoutOf(path)),
    locationOf: ({ number, root }) => generationName(number, root),
    has: ({ path }, location) => hasTree(layoutOf(path), location),
    problems: ({ path }, { location, files }, signal) =>
      problemsOf(deps, layoutOf(path), { name: location, files }, signal),
    build: async ({ path }, generation, signal) =>
      (await buildTree(deps, layoutOf(path), generation, signal)).placed,
    switch: ({ path }, to) => switchTo(deps, layoutOf(path), to),
    async withdraw({ path }) {
      const layout = layoutOf(path)
      await removeLink(layout)
      // Crash here: generations that no link leads to. Withdrawing again removes them.
      await cleanUp(deps, layout, undefined)
    },
    async clean({ path }, current) {
      await cleanUp(deps, layoutOf(path), current)
    },
  }
}

async function hasTree(layout: Layout, name: string): Promise<boolean> {
  const manifest = await exactStat(join(layout.generations, name, 'MANIFEST')).catch(
    () => undefined,
  )
  const tree = await exactStat(treeOf(layout, name)).catch(() => undefined)
  return manifest?.isFile() === true && tree?.isDirectory() === true
}
