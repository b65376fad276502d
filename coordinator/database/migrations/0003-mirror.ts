/** Repositories, versions, packages, metadata files, snapshots, publications and blobs. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0003-mirror',
  // oxlint-disable-next-line max-lines-per-function -- one list of statements
  statements: ({ text, integer, identity, end }) => [
    `create table repository (
      id ${text} primary key,
      type ${text} not null,
      config_hash ${text} not null,
      created_at ${integer} not null
    )${end}`,
    `create table repository_version (
      id ${identity},
      repository ${text} not null references repository (id),
      revision ${text},
      created_at ${integer} not null,
      primary_checksum ${text},
      repomd_checksum ${text},
      upstream_etag ${text},
      upstream_modified ${text},
      packages ${integer} not null,
      bytes ${integer} not null,
      operation ${text}
    )${end}`,
    `create index repository_version_repository on repository_version (repository, id)`,
    `create table blob (
      id ${text} primary key,
      sha256 ${text} not null,
      size ${integer} not null check (size >= 0),
      added_at ${integer} not null
    )${end}`,
    `create index blob_sha256 on blob (sha256)`,
    `create table package (
      pk ${identity},
      pkgid ${text} not null,
      checksum_type ${text} not null,
      sha256 ${text},
      blob ${text} references blob (id),
      name ${text} not null,
      epoch ${integer} not null,
      version ${text} not null,
      release ${text} not null,
      arch ${text} not null,
      href ${text} not null,
      size ${integer} not null,
      installed_size ${integer},
      build_time ${integer},
      source_rpm ${text},
      summary ${text},
      unique (pkgid, href, name, epoch, version, release, arch, checksum_type, size)
    )${end}`,
    `create index package_name on package (name, arch)`,
    `create index package_href on package (href)`,
    `create index package_sha256 on package (sha256)`,
    `create index package_blob on package (blob)`,
    `create table version_package (
      version ${integer} not null references repository_version (id) on delete cascade,
      package ${integer} not null references package (pk),
      primary key (version, package)
    )${end}`,
    `create index version_package_package on version_package (package)`,
    `create table version_file (
      version ${integer} not null references repository_version (id) on delete cascade,
      path ${text} not null,
      blob ${text} not null references blob (id),
      size ${integer} not null,
      checksum ${text},
      checksum_type ${text},
      type ${text} not null,
      primary key (version, path)
    )${end}`,
    `create index version_file_blob on version_file (blob)`,
    `create table sync_run (
      id ${text} primary key,
      repository ${text} not null,
      started_at ${integer} not null,
      finished_at ${integer},
      result ${text} not null check (result in ('running', 'complete', 'incomplete', 'failed')),
      packages ${integer} not null,
      bytes ${integer} not null,
      message ${text}
    )${end}`,
    `create index sync_run_repository on sync_run (repository, started_at)`,
    `create table snapshot (
      repository ${text} not null references repository (id),
      name ${text} not null,
      version ${integer} not null references repository_version (id),
      created_at ${integer} not null,
      description ${text} not null,
      primary key (repository, name)
    )${end}`,
    `create index snapshot_version on snapshot (version)`,
    `create table publication (
      repository ${text} not null references repository (id),
      target ${text} not null,
      version ${integer} not null references repository_version (id),
      generation ${integer} not null,
      folder ${text} not null,
      at ${integer} not null,
      primary key (repository, target)
    )${end}`,
    `create index publication_version on publication (version)`,
    `create table generation (
      repository ${text} not null references repository (id),
      target ${text} not null,
      number ${integer} not null,
      version ${integer} not null references repository_version (id),
      folder ${text} not null,
      at ${integer} not null,
      replaced_at ${integer},
      primary key (repository, target, number)
    )${end}`,
    `create index generation_version on generation (version)`,
  ],
}
