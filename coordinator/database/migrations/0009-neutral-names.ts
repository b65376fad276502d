/**
 * Renames columns and kinds of files, so that the names fit every format and every destination.
 */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0009-neutral-names',
  statements: ({ text }) => [
    'alter table repository_version rename column primary_checksum to listing_checksum',
    'alter table repository_version rename column repomd_checksum to index_checksum',
    'alter table package rename column pkgid to checksum',
    'alter table package rename column source_rpm to source',
    'alter table publication rename column folder to location',
    'alter table generation rename column folder to location',
    'alter table version_file rename column type to label',
    `alter table version_file add column kind ${text} not null default 'metadata'`,
    // Only a file that an index lists has a checksum, and its label may equal one of these words.
    `update version_file set label = '', kind = case label
      when 'repomd.xml' then 'index'
      when 'repomd.xml.asc' then 'signature'
      when 'repomd.xml.key' then 'signing-key'
      else 'key' end
    where checksum is null`,
  ],
}
