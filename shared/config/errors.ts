/** Errors of configurations. */
import { defineErrors } from '../errors.ts'

export const configError = defineErrors({
  'config.not-found': {
    exit: 'usage',
    message: (d: { files: readonly string[] }) =>
      `there is no configuration: looked for ${d.files.join(' and ')}`,
    hint: () =>
      'make a home with `muster init` or `muster agent join`, ' +
      'or name one with --home or a file with --config',
  },
  'config.unreadable': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) =>
      `can't read the configuration file ${d.file}: ${d.reason}`,
    hint: () =>
      'check its path and permissions; ' +
      '--config or MUSTER_CONFIG names another file, --home another home',
  },
  'config.unsafe': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) =>
      `won't use the configuration file ${d.file}: ${d.reason}`,
    hint: () =>
      'make it a regular file that only you may write: its writers can run programs as you',
  },
  'config.invalid': {
    exit: 'usage',
    message: (d: { problems: readonly string[] }) =>
      d.problems.length === 1
        ? d.problems.join()
        : `${d.problems.length} problems in the configuration\n${d.problems.join('\n')}`,
    hint: () =>
      'correct the configuration and check it with `muster config validate`; ' +
      'docs/CONFIG.md describes every key',
  },
  'config.unsupported': {
    exit: 'usage',
    message: (d: { problems: readonly string[] }) =>
      d.problems.length === 1
        ? d.problems.join()
        : `the configuration has ${d.problems.length} settings that are not supported yet\n` +
          d.problems.join('\n'),
    hint: () => 'remove it from the configuration; docs/CONFIG.md describes the supported settings',
  },
})
