/**
 * Where versions are published. The publisher writes rows and decides the order; a destination lays
 * trees out and switches clients from one to the next. `describeDestination` in testing/ holds each
 * implementation to what stands here.
 */
import type { Json } from '../../../shared/canonical-json.ts'
import type { ManifestFile } from '../content/manifest.ts'

/** Generations kept at a destination, so that switching back is one step. */
export const KEPT_GENERATIONS = 3

export interface Publication {
  readonly repository: string
  /** `latest`, or a snapshot's name. */
  readonly target: string
  /** Where clients find it: `publish.latest_path`, or `publish.snapshots_path` and the name. */
  readonly path: string
}

/** Where the tree of a generation is. Only its destination reads it; the database keeps it. */
export type Location = string

export interface GenerationId {
  /** Rises by one with each publication of a target. */
  readonly number: number
  /** A digest of every path and blob: two trees with one root are the same tree. */
  readonly root: string
}

export interface Generation extends GenerationId {
  /** All paths have been checked; none is a folder of another. The pool has each blob, sound. */
  readonly files: readonly ManifestFile[]
  /** Metadata of earlier versions, laid out beside them. */
  readonly carried: readonly ManifestFile[]
  /** Kept beside the tree. */
  readonly manifest: { readonly [key: string]: Json }
}

export interface TreeProblem {
  /** Below the tree; '' is the tree itself. */
  readonly path: string
  readonly reason: string
}

/** Every method may be repeated after it failed, whether it was applied or not. */
export interface PublishDestination {
  /** @throws publish.target where something stands that Muster did not make, publish.disk */
  prepare(target: Publication): Promise<void>
  /** Where clients are sent now; undefined: nowhere. @throws publish.target, publish.disk */
  current(target: Publication): Promise<Location | undefined>
  /** The location that {@link build} gives a generation. */
  locationOf(generation: GenerationId): Location
  /** Whether a generation is there. Its files are compared by {@link problems}. */
  has(target: Publication, location: Location): Promise<boolean>
  /** What of a generation isn't what it must be; empty if it is whole. @throws publish.disk */
  problems(
    target: Publication,
    tree: { readonly location: Location; readonly files: readonly ManifestFile[] },
    signal: AbortSignal,
  ): Promise<readonly TreeProblem[]>
  /**
   * Lays a generation out: whole and durable once it returns, absent if it fails before. Returns
   * how many files were placed in which way.
   * @throws publish.unsound, publish.disk, the signal's reason
   */
  build(
    target: Publication,
    generation: Generation,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, number>>>
  /** Sends clients to a generation that is there, in one step. @throws publish.target, .disk */
  switch(target: Publication, to: Location): Promise<void>
  /** Sends clients nowhere, and removes every generation. Absent is fine. */
  withdraw(target: Publication): Promise<void>
  /** Removes generations that are kept no longer, and what interrupted builds left. */
  clean(target: Publication, current: Location): Promise<void>
}
