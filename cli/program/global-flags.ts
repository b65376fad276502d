/** The flags of every command. They can be before or after the command's own flags. */
import { OUTPUT_FORMATS } from '../terminal/format.ts'
import type { FlagSpecs, FlagValues } from './flags.ts'

export const globalFlags = {
  home: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary:
      'the home of the node; default: $MUSTER_HOME, /var/lib/muster for root, else ' +
      '~/.local/share/muster',
  },
  config: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary:
      'the configuration; default: $MUSTER_CONFIG, <home>/config.yaml, /etc/muster/config.yaml',
  },
  identity: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary: 'the key that signs; default: $MUSTER_IDENTITY, the ssh-agent, ~/.ssh/id_ed25519',
  },
  coordinator: {
    accepts: 'text',
    type: 'string',
    value: 'TICKET',
    summary: 'the ticket of the coordinator; default: $MUSTER_COORDINATOR, the context, the home',
  },
  context: {
    type: 'string',
    value: 'NAME',
    summary: 'the name of a context; default: $MUSTER_CONTEXT, the current context',
  },
  output: {
    type: 'choice',
    short: 'o',
    value: 'FORMAT',
    choices: OUTPUT_FORMATS,
    default: 'table',
    summary: 'the format of results',
  },
  quiet: { type: 'boolean', short: 'q', summary: 'print no progress and no notes' },
  verbose: { type: 'boolean', short: 'v', summary: 'print more details, and the causes of errors' },
} as const satisfies FlagSpecs

/** `color` is false with --no-color. Each stream also checks NO_COLOR and TERM. */
export type GlobalFlags = FlagValues<typeof globalFlags> & { readonly color: boolean }

/** Global flags with a value. The word after one of them is not the noun. */
export const GLOBAL_VALUE_FLAGS: ReadonlySet<string> = new Set([
  '--home',
  '--config',
  '--identity',
  '--coordinator',
  '--context',
  '--output',
  '-o',
])
