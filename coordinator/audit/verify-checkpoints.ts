/** Compares the signed checkpoints with the entries, at the size of each checkpoint. */
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import type { EntryChain } from '../../shared/audit/entry-chain.ts'
import { type Frontier, frontierRoot, sameHash } from '../../shared/audit/tree.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'
import { openStored } from './checkpoints.ts'
import type { Findings } from './findings.ts'

export interface SignedStates {
  readonly fleet: FleetId
  /** The checkpoints in the database that coordinators share, by size. */
  readonly rows: readonly Tables['checkpoint'][]
  /** The checkpoint file of this coordinator. */
  readonly published: Checkpoint | undefined
}

export class CheckpointCheck {
  readonly #signed: SignedStates
  readonly #findings: Findings
  /** The first row that is not compared yet. */
  #next = 0

  constructor(signed: SignedStates, findings: Findings) {
    this.#signed = signed
    this.#findings = findings
  }

  /** Compares the checkpoints that end at this entry. Call it after each entry. */
  compare(frontier: Frontier, chain: EntryChain): void {
    const { rows, published } = this.#signed
    for (
      let row = rows[this.#next];
      row !== undefined && row.size <= frontier.size;
      row = rows[this.#next]
    ) {
      this.#compareRow(row, frontier, chain)
      this.#next += 1
    }
    if (published?.size === frontier.size && !this.#matches(published.root, frontier))
      this.#findings.add(
        null,
        'checkpoint',
        `this coordinator's checkpoint of size ${published.size} has another root than the entries`,
      )
  }

  #compareRow(row: Tables['checkpoint'], frontier: Frontier, chain: EntryChain): void {
    const issuers = chain.root()?.root.issuers ?? []
    const keys = issuers.map((issuer) => Buffer.from(issuer.key, 'base64'))
    this.#findings.attempt(null, 'checkpoint', () => openStored(row, this.#signed.fleet, keys))
    if (!this.#matches(row.root, frontier))
      this.#findings.add(
        null,
        'checkpoint',
        `the checkpoint of size ${row.size} has root ${hex(row.root)}, ` +
          `but the entries have root ${hex(frontierRoot(frontier))}`,
      )
  }

  /** Compares the roots. After an earlier finding they must differ, so it returns true. */
  #matches(root: Uint8Array, frontier: Frontier): boolean {
    return !this.#findings.isEmpty || sameHash(root, frontierRoot(frontier))
  }
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
