/**
 * B13: a coordinator makes and verifies inclusion proofs of random entries, and the receiver
 * verifies them. The goals for one proof are 1 ms for the coordinator and 0.2 ms for the receiver.
 */
import { join } from 'node:path'
import { openLedger } from '../coordinator/audit/ledger.ts'
import { openDatabase } from '../coordinator/database/database.ts'
import { migrate } from '../coordinator/database/migrate.ts'
import { FLEET, issuer, logStatements, type Statement } from '../fixtures/audit/fleet.ts'
import { type InclusionProof, verifyInclusion } from '../shared/audit/proof.ts'
import { leafHash } from '../shared/audit/tree.ts'
import { systemRandom } from '../shared/random.ts'
import type { Benchmark } from './harness.ts'

const PROOFS = 2000
const BATCH = 500

// The rounds fill it, and remarks() reads it.
const milliseconds = new Map<string, number[]>()
let entries = 0

export const benchmark: Benchmark = {
  id: 'b13',
  title: `${PROOFS} inclusion proofs`,
  remarks: () => [
    ...[...milliseconds].map(([name, values]) => {
      const median = values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
      return `${name}: ${median.toFixed(3)} ms each`
    }),
    `in a log of ${entries} entries; goals: made in 1 ms, verified in 0.2 ms`,
  ],
  async contenders({ clock, folder, smoke }) {
    const database = await openDatabase(
      { clock },
      { url: `sqlite://${join(folder, 'muster.db')}`, create: true },
    )
    await migrate(database)
    const options = { fleet: FLEET, coordinator: 'bench', folder: join(folder, 'log') }
    const ledger = await openLedger(
      { database, clock, random: systemRandom, signer: issuer },
      options,
    )
    const statements = (await logStatements(65)) as [Statement, ...Statement[]]
    entries = smoke ? 300 : 20_000
    for (let at = 0; at < entries; at += BATCH)
      await database.transaction(async (tx) => {
        for (let i = at; i < Math.min(entries, at + BATCH); i += 1)
          await ledger.append(tx, i === 0 ? statements[0] : (statements[1 + (i % 64)] as Statement))
      })
    const { size, root } = await ledger.checkpoint()
    const count = smoke ? 50 : PROOFS
    const indices = Array.from({ length: count }, () => Math.floor(systemRandom.fraction() * size))
    const leaves: Uint8Array[] = []
    for await (const { bytes } of ledger.entries(0)) leaves.push(leafHash(bytes))
    let proofs: InclusionProof[] = []
    const timed = (name: string, run: () => Promise<void>, close?: () => Promise<void>) => ({
      name,
      async measure() {
        const startedAt = clock.monotonic()
        await run()
        const seconds = (clock.monotonic() - startedAt) / 1000
        milliseconds.set(name, [...(milliseconds.get(name) ?? []), (seconds * 1000) / count])
        return { seconds }
      },
      ...(close ? { close } : {}),
    })
    const make = async (): Promise<void> => {
      const made: InclusionProof[] = []
      for (const index of indices) made.push(await ledger.prove(index, size))
      proofs = made
    }
    const verify = async (): Promise<void> => {
      if (proofs.length === 0) await make()
      for (const proof of proofs) verifyInclusion(proof, leaves[proof.index] as Uint8Array, root)
    }
    return [timed('made', make, () => database.close()), timed('verified', verify)]
  },
}
