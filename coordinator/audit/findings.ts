/** The findings of a verification of the log. */
import { asError } from '../../shared/as-error.ts'

export interface Finding {
  /** The entry; null if the finding is about the head or a checkpoint. */
  readonly index: number | null
  readonly where: 'row' | 'bundle' | 'tile' | 'row and tiles' | 'statement' | 'head' | 'checkpoint'
  readonly reason: string
}

/** The limit of findings. It is enough to find the cause. */
export const MAX_FINDINGS = 100

/** Collects at most {@link MAX_FINDINGS} findings, and at most one for each entry. */
export class Findings {
  readonly #list: Finding[] = []

  get list(): readonly Finding[] {
    return this.#list
  }

  get isEmpty(): boolean {
    return this.#list.length === 0
  }

  add(index: Finding['index'], where: Finding['where'], reason: string): void {
    const isKnown = index !== null && this.#list.some((finding) => finding.index === index)
    if (!isKnown && this.#list.length < MAX_FINDINGS) this.#list.push({ index, where, reason })
  }

  /** Adds the error of `work`, if it throws one. */
  attempt<T>(index: Finding['index'], where: Finding['where'], work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.add(index, where, asError(error).message)
      return undefined
    }
  }
}
