/** Describes the failure if one of this coordinator's disks is full. */
import { isFull } from '../../shared/free-space.ts'
import { describeStorageFailure } from '../../shared/storage/storage-error.ts'

/**
 * Returns undefined if all disks have space.
 * @param folders the folders that this coordinator writes to
 */
export async function describeOwnStorage(folders: readonly string[]): Promise<string | undefined> {
  for (const path of folders)
    if (await isFull(path)) return describeStorageFailure({ code: 'storage.full', path })
  return undefined
}
