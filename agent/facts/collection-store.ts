/**
 * The state between two collections. It is on disk, because each `muster agent facts --once` is
 * another process. If the state is lost, each doubt about packages starts again.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { canonicalJson } from '../../shared/canonical-json.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { type FactCollection, factCollection } from '../../shared/facts/collection.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { readBounded } from './collectors/bounded-file.ts'
import type { Memory } from './plausible.ts'

const FILE = 'collection.json'
/** The state has at most 32 problems of 500 characters, which need less. */
const MAX_BYTES = MIB

const doubted = z.object({ print: z.string(), since: z.string() })
const remembered = z.object({
  memory: z.record(z.string(), doubted),
  collection: factCollection.optional(),
})

type State = z.infer<typeof remembered>

export interface CollectionStore {
  readonly memory: Memory
  /** The newest collection; undefined before the first. */
  readonly collection: FactCollection | undefined
  /**
   * Writes the state. Never fails: if the disk fails, the state stays in memory and the error is
   * logged.
   */
  save(memory: Memory, collection: FactCollection): Promise<void>
}

/** Returns the newest collection in the home whose facts are in `folder`, or undefined. */
export async function readCollection(folder: string): Promise<FactCollection | undefined> {
  return (await read(folder)).collection
}

export async function openCollectionStore(
  deps: { random: Random; log: Logger },
  options: { folder: string },
): Promise<CollectionStore> {
  const path = join(options.folder, FILE)
  let state: State = await read(options.folder).catch((error: unknown) => {
    deps.log.warn({ path, error }, 'the state of the last collection cannot be read')
    return { memory: {} }
  })
  return {
    get memory() {
      return state.memory
    },
    get collection() {
      return state.collection
    },
    async save(memory, collection) {
      const before = describe(state)
      state = { memory, collection }
      // A change of only the time doesn't justify a write every few minutes.
      if (describe(state) === before) return
      try {
        await writeDurable(deps, path, canonicalJson({ memory, collection }))
        // Crash before: the next collection finds the same and writes it.
      } catch (error) {
        deps.log.warn({ path, error }, 'the state of the collection cannot be written')
      }
    },
  }
}

function describe(state: State): string {
  const { managers, problems } = state.collection ?? {}
  return JSON.stringify([state.memory, managers, problems])
}

async function read(folder: string): Promise<State> {
  const bytes = await readBounded(join(folder, FILE), MAX_BYTES)
  if (bytes === undefined) return { memory: {} }
  return remembered.parse(JSON.parse(bytes.toString('utf8')))
}
