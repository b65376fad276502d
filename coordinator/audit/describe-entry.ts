/** Converts an entry's statement of any kind to the columns of a table. */
import { type Entry, statementOf } from '../../shared/audit/entry.ts'
import { canonicalJson, type Json, parseCanonicalJson } from '../../shared/canonical-json.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { Fingerprint } from '../../shared/ids.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import type { LoggedEntry } from './ledger.ts'

export interface DescribedEntry {
  readonly signer: Fingerprint
  readonly verb: string
  readonly targets: string[]
  /** Canonical JSON. */
  readonly arguments: string
  readonly result: string | null
}

export function describeEntry({ index, entry }: LoggedEntry): DescribedEntry {
  const { signed, kind } = statementOf(entry, index)
  readSigned(signed, kind)
  const fields = fieldsOf(parseCanonicalJson(signed.statement, 'statement'))
  const text = (key: string): string | null => {
    const value = fields[key]
    return typeof value === 'string' ? value : null
  }
  return {
    signer: fingerprintOf(signed.key),
    verb: text('verb') ?? text('event') ?? entry.type,
    targets: targetsOf(fields['targets'], text('target') ?? text('agent')),
    arguments: canonicalJson(argumentsOf(entry, fields)),
    result: text('result'),
  }
}

type Fields = Readonly<Record<string, Json | undefined>>

function fieldsOf(statement: Json): Fields {
  return typeof statement === 'object' && statement !== null && !isList(statement) ? statement : {}
}

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)

function targetsOf(list: Json | undefined, only: string | null): string[] {
  const targets = isList(list) ? list.map(String) : [only ?? '']
  return targets.filter((target) => target !== '')
}

function argumentsOf(entry: Entry, fields: Fields): Json {
  const { arguments: given, detail, operators = null, issuers = null } = fields
  return given ?? detail ?? (entry.type === 'root' ? { operators, issuers } : {})
}
