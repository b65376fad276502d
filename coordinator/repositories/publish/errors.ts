/** Errors of publishing. The earlier publication always stays in place. */
import { diskReason } from '../../../shared/disk-reason.ts'
import { defineErrors } from '../../../shared/errors.ts'

export const publishError = defineErrors({
  'publish.target': {
    exit: 'conflict',
    message: (d: { path: string; reason: string }) => `${d.path} can't be switched: ${d.reason}`,
    hint: (d: { path: string }) =>
      `Muster only replaces links that it made; move ${d.path} away, or publish to another path`,
  },
  'publish.conflict': {
    exit: 'conflict',
    retryable: true,
    message: (d: { repository: string; target: string; generation: number }) =>
      `${d.repository}/${d.target}: another coordinator published generation ${d.generation} ` +
      'meanwhile',
    hint: () => 'look at what is published now, and publish again if it is not what you want',
  },
  'publish.pin': {
    exit: 'conflict',
    retryable: true,
    message: (d: { repository: string; expected: string; got: string }) =>
      `${d.repository}/latest follows ${followed(d.got)} now, ` +
      `expected ${followed(d.expected)}: an operator switched it meanwhile`,
    hint: (d: { repository: string }) =>
      `\`muster repo show --repo-id ${d.repository}\` shows what is served; ` +
      'run this again if it is still wanted',
  },
  'publish.outdated': {
    exit: 'conflict',
    retryable: true,
    message: (d: { repository: string; version: number; newest: number }) =>
      `version ${d.version} of ${d.repository} is not the newest any more: ` +
      `version ${d.newest} was accepted meanwhile`,
    hint: () => 'run this again',
  },
  'publish.content': {
    exit: 'partly',
    retryable: true,
    message: (d: { repository: string; target: string; count: number; files: readonly string[] }) =>
      `${d.count} files of ${d.repository}/${d.target} are damaged or missing in the pool, ` +
      `and neither the upstream nor an agent has them: ${named(d.files, d.count)}`,
    hint: (d: { repository: string; target: string }) =>
      d.target === 'latest'
        ? `run \`muster repo sync --repo-id ${d.repository}\`; ` +
          'what was published before stays until then'
        : 'start an agent that holds the files, then repeat the command; ' +
          'what was published before stays until then',
  },
  'publish.unsound': {
    exit: 'verification',
    message: (d: { path: string; reason: string }) => `${d.path} was built wrong: ${d.reason}`,
    hint: () =>
      'another program writes to the publish folder, or its disk is failing; nothing was switched',
  },
  'publish.disk': {
    exit: 'failed',
    message: (d: { operation: string; path: string; reason: string }) =>
      `${d.operation} ${d.path} failed: ${d.reason}`,
    hint: () => 'check space and permissions of the publish folder; nothing was switched',
  },
  'publish.unknown-version': {
    exit: 'notFound',
    message: (d: { repository: string; version: number }) =>
      `${d.repository} has no version ${d.version}`,
  },
})

function named(files: readonly string[], count: number): string {
  const more = count - files.length
  return `${files.join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

function followed(pin: string): string {
  return pin === '' ? 'the newest version' : `snapshot ${pin}`
}

/** Returns Muster's error for a failed file operation. Other errors are returned unchanged. */
export function diskError(operation: string, path: string, error: unknown): unknown {
  const reason = diskReason(error)
  if (publishError.is(error) || reason === undefined) return error
  return publishError('publish.disk', { operation, path, reason }, { cause: error })
}
