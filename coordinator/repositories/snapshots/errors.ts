/** Errors of snapshots. */
import { defineErrors } from '../../../shared/errors.ts'

export const snapshotError = defineErrors({
  'snapshot.name': {
    exit: 'usage',
    message: (d: { got: string; reason: string }) =>
      `${JSON.stringify(d.got)} can't be the name of a snapshot: ${d.reason}`,
    hint: () =>
      'use 1 to 64 lower-case letters, digits, dots, dashes or underscores that begin with ' +
      'a letter or digit, such as 2026-11',
  },
  'snapshot.exists': {
    exit: 'conflict',
    message: (d: { repository: string; name: string }) =>
      `${d.repository} has a snapshot ${d.name} already`,
    hint: () => 'snapshots never change; choose a name that muster snapshot list does not show',
  },
  'snapshot.served': {
    exit: 'conflict',
    message: (d: { repository: string; name: string }) =>
      `${d.repository}/latest serves snapshot ${d.name}, so it can't be deleted`,
    hint: (d: { repository: string }) =>
      `switch latest first: \`muster repo publish --repo-id ${d.repository}\` serves the newest ` +
      'version, with --snapshot NAME another snapshot',
  },
  'snapshot.unknown': {
    exit: 'notFound',
    message: (d: { name: string; repository: string }) =>
      d.repository === ''
        ? `there is no snapshot ${d.name}`
        : `${d.repository} has no snapshot ${d.name}`,
    hint: () => 'run `muster snapshot list` to list the snapshots',
  },
  'snapshot.ambiguous': {
    exit: 'usage',
    message: (d: { name: string; repositories: readonly string[] }) =>
      `several repositories have a snapshot ${d.name}: ${d.repositories.join(', ')}`,
    hint: () => 'name the repository with --repo-id',
  },
  'snapshot.nothing': {
    exit: 'notFound',
    message: (d: { repository: string }) =>
      `${d.repository} has no version for a snapshot: no sync of it has completed`,
    hint: (d: { repository: string }) => `run \`muster repo sync --repo-id ${d.repository}\` first`,
  },
})
