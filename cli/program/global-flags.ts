/** The flags that every command takes, wherever they stand among its own. */
import { OUTPUT_FORMATS } from '../terminal/format.ts'
import type { FlagSpecs, FlagValues } from './flags.ts'

export const globalFlags = {
  home: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary:
      'the home of the node; default: $MUSTER_HOME, /var/lib/muster as root, ~/.local/share/muster',
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
    summary:
      'the coordinator, by its ticket; default: $MUSTER_COORDINATOR, the context, the one of the home',
  },
  context: {
    type: 'string',
    value: 'NAME',
    summary: 'the coordinator, by the name of a context; default: $MUSTER_CONTEXT, the current one',
  },
  output: {
    type: 'choice',
    short: 'o',
    value: 'FORMAT',
    choices: OUTPUT_FORMATS,
    default: 'table',
    summary: 'how results are printed',
  },
  quiet: { type: 'boolean', short: 'q', summary: 'no progress and no notes' },
  verbose: { type: 'boolean', short: 'v', summary: 'more detail, and the causes of errors' },
} as const satisfies FlagSpecs

/**
 * `color` is true unless --no-color was given; the environment (NO_COLOR, TERM) is judged per
 * stream.
 */
export type GlobalFlags = FlagValues<typeof globalFlags> & { readonly color: boolean }

/**
 * Global flags that take a value, as typed: what stands after one of these before the noun is not
 * the noun.
 */
export const GLOBAL_VALUE_FLAGS: ReadonlySet<string> = new Set([
  '--home',
  '--config',
  '--identity',
  '--coordinator',
  '--context',
  '--output',
  '-o',
])
