/**
 * Publishes a generation: one rename replaces the symbolic link. A reader sees the old tree or the
 * new one, never a mixture. Only links that Muster made are replaced.
 */
import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDurableFolder, syncFolder } from '../../../../shared/durable-file.ts'
import { errno } from '../../../../shared/errno.ts'
import type { Random } from '../../../../shared/random.ts'
import { diskError, publishError } from '../errors.ts'
import { generationOfLink, type Layout, linkText, temporaryName } from './layout.ts'

/**
 * Returns the generation of the link; undefined if there is no link yet.
 * @throws publish.target if there is something that Muster did not make (PB-06)
 */
export async function currentGeneration(layout: Layout): Promise<string | undefined> {
  const refuse = (reason: string): Error =>
    publishError('publish.target', { path: layout.link, reason })
  try {
    const stats = await lstat(layout.link)
    if (stats.isDirectory()) throw refuse('a real folder is there, perhaps with files of yours')
    if (!stats.isSymbolicLink()) throw refuse('a file is there')
    const text = await readlink(layout.link)
    const name = generationOfLink(layout, text)
    if (name === undefined) throw refuse(`it is a link to ${text}, which Muster did not make`)
    return name
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw diskError('reading', layout.link, error)
  }
}

/** Creates the folder of the link. Rejects a link in place of the generations folder. */
export async function prepareTarget(layout: Layout): Promise<void> {
  try {
    await makeDurableFolder(layout.parent, 0o755)
    const outer = join(layout.generations, '..')
    for (const folder of [outer, layout.generations]) {
      const stats = await lstat(folder).catch(() => undefined)
      if (stats !== undefined && !stats.isDirectory())
        throw publishError('publish.target', { path: folder, reason: 'it is not a real folder' })
    }
  } catch (error) {
    throw diskError('preparing', layout.parent, error)
  }
}

/** Points the link to a complete, durable generation. The change is durable on return. */
export async function switchTo(
  deps: { random: Random },
  layout: Layout,
  name: string,
): Promise<void> {
  await currentGeneration(layout)
  const temporary = join(layout.generations, temporaryName(deps.random, 'switch'))
  try {
    await symlink(linkText(layout, name), temporary)
    // Crash here: an unused link among the generations. The next clean-up removes it.
    await rename(temporary, layout.link)
    await syncFolder(layout.parent)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw diskError('switching', layout.link, error)
  }
}

/** Removes the link. Its generation stays until the next clean-up. */
export async function removeLink(layout: Layout): Promise<void> {
  if ((await currentGeneration(layout)) === undefined) return
  try {
    await rm(layout.link)
    await syncFolder(layout.parent)
  } catch (error) {
    throw diskError('removing', layout.link, error)
  }
}
