/** A failure of this coordinator's own disk, by its free space. */
import { isFull } from '../../shared/free-space.ts'
import { describeStorageFailure } from '../../shared/storage/storage-error.ts'

/** @param folders the folders that this coordinator writes to */
export async function describeOwnStorage(folders: readonly string[]): Promise<string | undefined> {
  for (const path of folders)
    if (await isFull(path)) return describeStorageFailure({ code: 'storage.full', path })
  return undefined
}
