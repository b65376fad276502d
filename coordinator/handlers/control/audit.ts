/** Returns entries of the log for people, and proofs for programs that verify it. */
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { LogRow } from '../../../protocols/control/messages.ts'
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { fingerprintOf } from '../../../shared/identity/fingerprint.ts'
import { describeEntry } from '../../audit/describe-entry.ts'
import { ledgerError } from '../../audit/errors.ts'
import type { Ledger, LoggedEntry } from '../../audit/ledger.ts'
import type { VerifyReport } from '../../audit/verify.ts'
import { newestSigned } from '../../audit/writable.ts'
import type { Access } from '../../registry/access.ts'
import type { Agents } from '../../registry/agents.ts'

type Control = Handlers<typeof control>
export type AuditHandlers = Pick<
  Control,
  'audit.log' | 'audit.verify' | 'audit.prove' | 'audit.export'
>

export interface AuditDeps {
  readonly ledger: Ledger
  readonly access: Access
  readonly agents: Agents
}

export function auditHandlers(deps: AuditDeps): AuditHandlers {
  const { ledger } = deps
  return {
    'audit.log': async ({ from, count, actor: wanted }) => {
      const { size } = await ledger.head()
      const names = await keyNames(deps)
      const entries: LogRow[] = []
      if (from < size)
        for await (const logged of ledger.entries(from, Math.min(size, from + count)))
          entries.push(logRow(logged, names))
      const isWanted = ({ actor: { fingerprint, name } }: LogRow): boolean =>
        wanted === undefined || fingerprint === wanted || name === wanted
      return { size, entries: entries.filter(isWanted) }
    },

    'audit.verify': async (_request, { signal }) => {
      const report = await ledger.verify(signal)
      requireSound(report)
      const checkpoint = await newestSigned(ledger, signal)
      const { root } = await deps.access.root()
      return {
        size: report.size,
        root: report.root,
        signer: root.issuers.map((issuer) => issuer.name).join(', '),
        openIntents: (await ledger.openIntents({ all: true })).length,
        checkpoint: checkpoint.note,
      }
    },

    'audit.prove': async ({ index }, { signal }) => {
      const { size, note: checkpoint } = await newestSigned(ledger, signal)
      const proof = await ledger.prove(index, size)
      for await (const { bytes: entry } of ledger.entries(index, index + 1))
        return { index, size, entry, proof: [...proof.hashes], checkpoint }
      throw new Error(`the log has no entry ${index}`)
    },

    'audit.export': async (_request, context) => {
      // Exports a copy first, so that the files don't change while they are sent.
      const scratch = await mkdtemp(join(tmpdir(), 'muster-export-'))
      const folder = join(scratch, 'log')
      try {
        await ledger.export(folder, context.signal)
        for (const path of await listFiles(folder)) {
          const file = join(folder, path)
          await context.progress({ path, size: (await stat(file)).size })
          for await (const chunk of createReadStream(file, { signal: context.signal }))
            await context.send(chunk)
        }
        return {}
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },
  }
}

/** @throws ledger.damaged with the first finding */
function requireSound({ ok, findings }: VerifyReport): void {
  const [first, ...others] = findings
  if (ok || first === undefined) return
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  const reason = `${first.where}: ${first.reason}${more}`
  throw ledgerError('ledger.damaged', { index: first.index, reason })
}

async function listFiles(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

/**
 * Returns the names of the keys that sign. The root names operators and coordinators, and the
 * registry names hosts.
 */
async function keyNames({ access, agents }: AuditDeps): Promise<Map<string, string>> {
  const { root } = await access.root()
  const named = [...root.operators, ...root.issuers].map(
    ({ key, name }) => [fingerprintOf(Buffer.from(key, 'base64')), name] as const,
  )
  const hosts = (await agents.list()).map(({ fingerprint, name }) => [fingerprint, name] as const)
  return new Map([...hosts, ...named])
}

function logRow(logged: LoggedEntry, names: ReadonlyMap<string, string>): LogRow {
  const { index, entry } = logged
  const { signer, ...described } = describeEntry(logged)
  return {
    index,
    at: entry.at,
    type: entry.type,
    operation: entry.operation,
    actor: { fingerprint: signer, name: names.get(signer) ?? signer },
    ...described,
  }
}
