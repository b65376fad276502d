/**
 * Writes the generated pages of docs/: CLI.md from the declarations of the commands, CONFIG.md from
 * the schema, ERRORS.md from the error tables, and the table of verbs in PROTOCOLS.md. A test
 * compares them with the files.
 *
 * usage: node tools/run.mjs tools/docs.ts
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { registry } from '../cli/commands/index.ts'
import { renderCli } from './docs-cli.ts'
import { renderConfig } from './docs-config.ts'
import { renderErrors } from './docs-errors.ts'
import { renderProtocols } from './docs-protocols.ts'

/** The renderer of each file. */
export const pages: Readonly<Record<string, () => Promise<string> | string>> = {
  'CLI.md': () => renderCli(registry),
  'CONFIG.md': renderConfig,
  'ERRORS.md': renderErrors,
  'PROTOCOLS.md': renderProtocols,
}

export const docsFolder = join(import.meta.dirname, '..', 'docs')

if (import.meta.main) {
  for (const [name, render] of Object.entries(pages)) {
    writeFileSync(join(docsFolder, name), await render())
    console.log(`wrote docs/${name}`)
  }
}
