/**
 * Builds the page that lists a folder. It has plain links for people, mirror tools and Muster's
 * sync.
 */
import { rfc3339 } from '../../shared/clock.ts'
import { formatSize } from '../../shared/units.ts'
import { type FolderEntry, MAX_ENTRIES } from './served.ts'

export function indexPage(path: string, entries: readonly FolderEntry[]): string {
  const rows = [...entries]
    .sort(
      (a, b) => Number(a.kind === 'file') - Number(b.kind === 'file') || (a.name < b.name ? -1 : 1),
    )
    .map(row)
  const cut =
    entries.length < MAX_ENTRIES
      ? ''
      : `\n<p>Only ${MAX_ENTRIES} entries are listed. The others are served by their names.</p>`
  const up = path === '/' ? '' : '<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n'
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(path)}</title></head>
<body><h1>${escape(path)}</h1><table>
${up}${rows.join('')}</table>${cut}</body></html>
`
}

function row(entry: FolderEntry): string {
  const slash = entry.kind === 'folder' ? '/' : ''
  // Without `./`, a browser would parse a name with a colon as a URL with a scheme.
  const link = `./${encodeURIComponent(entry.name)}${slash}`
  const modified = entry.modifiedAt === undefined ? '' : rfc3339(entry.modifiedAt)
  const size = entry.size === undefined ? '' : formatSize(entry.size)
  const name = `<a href="${escape(link)}">${escape(entry.name)}${slash}</a>`
  return `<tr><td>${name}</td><td>${modified}</td><td>${size}</td></tr>\n`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
