/** Writes a repomd.xml. {@link readRepomd} reads back the same records. */
import type { Checksum } from '../../../model/checksum.ts'
import { escapeXml } from './package-xml.ts'
import type { Repomd, RepomdRecord } from './repomd.ts'

export function repomdText({ revision, records }: Repomd): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>${escapeXml(revision)}</revision>
${records.map(dataText).join('')}</repomd>
`
}

function dataText(record: RepomdRecord): string {
  const { type, href, checksum, openChecksum, timestamp, size, openSize } = record
  const rows = [
    checksumText('checksum', checksum),
    openChecksum === undefined ? undefined : checksumText('open-checksum', openChecksum),
    `<location href="${escapeXml(href)}"/>`,
    numberText('timestamp', timestamp),
    numberText('size', size),
    numberText('open-size', openSize),
  ]
  const lines = rows.filter((row) => row !== undefined).map((row) => `    ${row}\n`)
  return `  <data type="${escapeXml(type)}">\n${lines.join('')}  </data>\n`
}

function checksumText(element: string, { kind, value }: Checksum): string {
  return `<${element} type="${kind}">${value}</${element}>`
}

function numberText(element: string, value: number | undefined): string | undefined {
  return value === undefined ? undefined : `<${element}>${value}</${element}>`
}
