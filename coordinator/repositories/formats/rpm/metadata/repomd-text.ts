/**
 * Writes a repomd.xml, for metadata of our own; what {@link readRepomd} reads of it is what was
 * given.
 */
import { escapeXml } from './package-xml.ts'
import type { Repomd } from './repomd.ts'

export function repomdText({ revision, records }: Repomd): string {
  const data = records.map((record) => {
    const { type, href, checksum, openChecksum, timestamp, size, openSize } = record
    const rows = [
      `<checksum type="${checksum.kind}">${checksum.value}</checksum>`,
      ...(openChecksum === undefined
        ? []
        : [`<open-checksum type="${openChecksum.kind}">${openChecksum.value}</open-checksum>`]),
      `<location href="${escapeXml(href)}"/>`,
      ...(timestamp === undefined ? [] : [`<timestamp>${timestamp}</timestamp>`]),
      ...(size === undefined ? [] : [`<size>${size}</size>`]),
      ...(openSize === undefined ? [] : [`<open-size>${openSize}</open-size>`]),
    ]
    return `  <data type="${escapeXml(type)}">\n${rows.map((row) => `    ${row}\n`).join('')}  </data>\n`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>${escapeXml(revision)}</revision>
${data.join('')}</repomd>
`
}
