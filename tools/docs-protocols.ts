/**
 * Renders the table of verbs in docs/PROTOCOLS.md from their declarations. The rest of the page is
 * written by hand.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VERBS, type VerbSpec } from '../protocols/control/verbs.ts'

const PAGE = join(import.meta.dirname, '../docs/PROTOCOLS.md')
const HEAD = '| verb | namespace | targets |\n|---|---|---|\n'
/** Finds the head of the table and all rows after it. */
const TABLE = /^\| verb \| namespace \| targets \|\n(?:\|.*\n)+/m

const TARGETS: Readonly<Record<VerbSpec['target'], string>> = {
  fleet: 'none',
  agents: 'agents',
  repository: 'repository',
}

export function renderProtocols(): string {
  const page = readFileSync(PAGE, 'utf8')
  if (!TABLE.test(page)) throw new Error(`${PAGE} has no table of verbs`)
  const rows = Object.entries(VERBS).map(
    ([verb, { namespace, target }]) => `| \`${verb}\` | \`${namespace}\` | ${TARGETS[target]} |\n`,
  )
  return page.replace(TABLE, () => HEAD + rows.join(''))
}
