/** Answers about the log, for people and for machines that check it. */
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { control } from '../../../protocols/control/protocol.ts'
import type { LogRow } from '../../../protocols/control/messages.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { fingerprintOf } from '../../../shared/identity/fingerprint.ts'
import { statementOf, type Entry } from '../../../shared/audit/entry.ts'
import { canonicalJson, type Json } from '../../../shared/canonical-json.ts'
import { readSigned } from '../../../shared/trust/signed.ts'
import { ledgerError } from '../../audit/errors.ts'
import type { Ledger, LoggedEntry } from '../../audit/ledger.ts'
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
    'audit.log': async ({ from, count, actor }) => {
      const { size } = await ledger.head()
      const names = await keyNames(deps)
      const entries: LogRow[] = []
      if (from < size)
        for await (const logged of ledger.entries(from, Math.min(size, from + count)))
          entries.push(row(logged, names))
      return {
        size,
        entries:
          actor === undefined
            ? entries
            : entries.filter((one) => one.actor.fingerprint === actor || one.actor.name === actor),
      }
    },

    'audit.verify': async (_request, { signal }) => {
      const report = await ledger.verify(signal)
      const [first] = report.findings
      if (!report.ok && first !== undefined)
        throw ledgerError('ledger.damaged', {
          index: first.index,
          reason: `${first.where}: ${first.reason}${report.findings.length > 1 ? `, and ${report.findings.length - 1} more` : ''}`,
        })
      const checkpoint = await newestSigned(ledger, signal)
      return {
        size: report.size,
        root: report.root,
        signer: (await deps.access.root()).root.issuers.map((issuer) => issuer.name).join(', '),
        openIntents: (await ledger.openIntents({ all: true })).length,
        checkpoint: checkpoint.note,
      }
    },

    'audit.prove': async ({ index }, { signal }) => {
      const checkpoint = await newestSigned(ledger, signal)
      const proof = await ledger.prove(index, checkpoint.size)
      for await (const { bytes } of ledger.entries(index, index + 1))
        return {
          index,
          size: checkpoint.size,
          entry: bytes,
          proof: [...proof.hashes],
          checkpoint: checkpoint.note,
        }
      throw new Error(`the log has no entry ${index}`)
    },

    'audit.export': async (_request, context) => {
      // A copy that does not move while it is sent; removed whatever happens.
      const scratch = await mkdtemp(join(tmpdir(), 'muster-export-'))
      const folder = join(scratch, 'log')
      try {
        await ledger.export(folder, context.signal)
        for (const path of await files(folder)) {
          const file = join(folder, path)
          await context.progress({ path, size: (await stat(file)).size })
          for await (const chunk of createReadStream(file, { signal: context.signal }))
            await context.send(chunk as Uint8Array)
        }
        return {}
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },
  }
}

async function files(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

/**
 * What people call the keys that sign: operators and coordinators from the root, hosts from the
 * registry.
 */
async function keyNames(deps: AuditDeps): Promise<Map<string, string>> {
  const { root } = await deps.access.root()
  const named = [...root.operators, ...root.issuers].map(
    ({ key, name }) => [fingerprintOf(Buffer.from(key, 'base64')), name] as const,
  )
  return new Map([
    ...(await deps.agents.list()).map((agent) => [agent.fingerprint, agent.name] as const),
    ...named,
  ])
}

function row({ index, entry }: LoggedEntry, names: ReadonlyMap<string, string>): LogRow {
  const { signed, kind } = statementOf(entry, index)
  const fingerprint = fingerprintOf(signed.key)
  const statement = readSigned(signed, kind) as unknown as Readonly<Record<string, Json>>
  return {
    index,
    at: entry.at,
    type: entry.type,
    operation: entry.operation,
    actor: { fingerprint, name: names.get(fingerprint) ?? fingerprint },
    ...described(entry, statement),
  }
}

/** What the statement says, whatever its kind: the log's table has one shape. */
function described(
  entry: Entry,
  statement: Readonly<Record<string, Json>>,
): Pick<LogRow, 'verb' | 'targets' | 'arguments' | 'result'> {
  const text = (key: string): string | null =>
    typeof statement[key] === 'string' ? statement[key] : null
  const targets = Array.isArray(statement['targets'])
    ? statement['targets'].map(String)
    : [text('target') ?? text('agent')].filter((target) => target !== null)
  const shown =
    statement['arguments'] ??
    statement['detail'] ??
    (entry.type === 'root'
      ? { operators: statement['operators'], issuers: statement['issuers'] }
      : {})
  return {
    verb: text('verb') ?? text('event') ?? entry.type,
    targets: targets.filter((target) => target !== ''),
    arguments: canonicalJson(shown as Json),
    result: text('result'),
  }
}
