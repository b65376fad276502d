/**
 * A destination stores published trees and switches clients between them. The publisher writes the
 * rows and decides the order of the steps. `describeDestination` in testing/ tests each
 * implementation against these comments.
 */
import type { Json } from '../../../shared/canonical-json.ts'
import type { ManifestFile } from '../content/manifest.ts'

/** The number of generations that a destination keeps. A switch back is then one step. */
export const KEPT_GENERATIONS = 3

export interface Publication {
  readonly repository: string
  /** `latest`, or a snapshot's name. */
  readonly target: string
  /** The path for clients: `publish.latest_path`, or `publish.snapshots_path` and the name. */
  readonly path: string
}

/** The place of a generation's tree. The database stores it, and only its destination reads it. */
export type Location = string

export interface GenerationId {
  /** Each publication of a target adds one. */
  readonly number: number
  /** A digest of every path and blob. Two trees with the same root are the same tree. */
  readonly root: string
}

export interface Generation extends GenerationId {
  /** Checked paths; no file is the folder of another. The pool has each blob, undamaged. */
  readonly files: readonly ManifestFile[]
  /** Metadata of earlier versions. It is placed in the same tree. */
  readonly carried: readonly ManifestFile[]
  /** Stored beside the tree. */
  readonly manifest: { readonly [key: string]: Json }
}

export interface TreeProblem {
  /** Relative to the tree; '' is the tree itself. */
  readonly path: string
  readonly reason: string
}

/** After a failure, every method may be called again, even if its change was made. */
export interface PublishDestination {
  /** @throws publish.target if there is something that Muster did not make, publish.disk */
  prepare(target: Publication): Promise<void>
  /** Returns the location that clients use now, if any. @throws publish.target, publish.disk */
  current(target: Publication): Promise<Location | undefined>
  /** Returns the location that {@link build} gives a generation. */
  locationOf(generation: GenerationId): Location
  /** True if the generation exists. {@link problems} compares its files. */
  has(target: Publication, location: Location): Promise<boolean>
  /** Returns the differences between a generation and its files. @throws publish.disk */
  problems(
    target: Publication,
    tree: { readonly location: Location; readonly files: readonly ManifestFile[] },
    signal: AbortSignal,
  ): Promise<readonly TreeProblem[]>
  /**
   * Builds a generation. Afterwards it is complete and durable; after a failure it is absent.
   * Returns the number of files for each method of placing them.
   * @throws publish.unsound, publish.disk, the signal's reason
   */
  build(
    target: Publication,
    generation: Generation,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, number>>>
  /** Switches clients to an existing generation in one step. @throws publish.target, .disk */
  switch(target: Publication, to: Location): Promise<void>
  /** Removes the clients' path and every generation. An absent target is not an error. */
  withdraw(target: Publication): Promise<void>
  /** Removes generations that are no longer kept, and leftovers of interrupted builds. */
  clean(target: Publication, current: Location): Promise<void>
}
