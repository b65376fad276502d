/**
 * What is remembered from one collection to the next, on disk, since `muster agent facts --once` is
 * another process each time. Losing it only means that a doubt begins anew.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Json } from '../../shared/canonical-json.ts'
import { canonicalJson } from '../../shared/canonical-json.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { type FactCollection, factCollection } from '../../shared/facts/collection.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { readBounded } from './collectors/bounded-file.ts'
import type { Memory } from './plausible.ts'

const FILE = 'collection.json'
/** 32 problems of 500 characters take far less. */
const MAX_BYTES = MIB

const doubted = z.object({ print: z.string(), since: z.string() })
const remembered = z.object({
  memory: z.record(z.string(), doubted),
  collection: factCollection.optional(),
})

export interface CollectionStore {
  readonly memory: Memory
  /** The newest collection; undefined before the first. */
  readonly collection: FactCollection | undefined
  /** Never fails: what can't be written is kept in this process and logged. */
  save(memory: Memory, collection: FactCollection): Promise<void>
}

/** The newest collection of the home whose facts are in `folder`; undefined if there is none. */
export async function readCollection(folder: string): Promise<FactCollection | undefined> {
  return (await read(folder)).collection
}

export async function openCollectionStore(
  deps: { random: Random; log: Logger },
  options: { folder: string },
): Promise<CollectionStore> {
  const path = join(options.folder, FILE)
  let state: { memory: Memory; collection?: FactCollection | undefined } = await read(
    options.folder,
  ).catch((error: unknown) => {
    deps.log.warn({ path, error }, 'the state of the last collection can not be read')
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
      // The time of a collection that found the same is not worth a write every few minutes.
      if (describe(state) === before) return
      try {
        await writeDurable(deps, path, canonicalJson(state as unknown as Json))
        // Crash before: the next collection finds the same and writes it.
      } catch (error) {
        deps.log.warn({ path, error }, 'the state of the collection could not be written')
      }
    },
  }
}

function describe(state: { memory: Memory; collection?: FactCollection | undefined }): string {
  const { managers, problems } = state.collection ?? {}
  return JSON.stringify([state.memory, managers, problems])
}

async function read(folder: string): Promise<z.infer<typeof remembered>> {
  const bytes = await readBounded(join(folder, FILE), MAX_BYTES)
  if (bytes === undefined) return { memory: {} }
  return remembered.parse(JSON.parse(bytes.toString('utf8')))
}
