/** Serves `/muster/audit/1` on the coordinator: nodes read the log and verify it. */
import type { audit } from '../../protocols/audit/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Ledger } from '../audit/ledger.ts'

export function auditServiceHandlers(deps: { ledger: Ledger }): Handlers<typeof audit> {
  const { ledger } = deps
  return {
    checkpoint: async (_request, { signal }) => ({
      checkpoint: (ledger.published() ?? (await ledger.checkpoint(signal))).note,
    }),
    consistency: async ({ from, to }) => ({
      proof: [...(await ledger.consistency(from, to)).hashes],
    }),
    async inclusion({ index, size }) {
      const proof = await ledger.prove(index, size)
      for await (const { bytes } of ledger.entries(index, index + 1))
        return { entry: bytes, proof: [...proof.hashes] }
      throw new Error(`the log has no entry ${index}`)
    },
    async entries({ from, count }) {
      const { size } = await ledger.head()
      const entries: Uint8Array[] = []
      if (from < size)
        for await (const { bytes } of ledger.entries(from, Math.min(size, from + count)))
          entries.push(bytes)
      return { entries }
    },
  }
}
