/** The texts of `muster help TOPIC`. */
import { EXIT, type ExitName } from '../../shared/exit-codes.ts'
import type { TopicName } from './topic-names.ts'

/** The meaning of each exit code, in ascending order. The type requires a text for every code. */
export const EXIT_MEANING: Readonly<Record<(typeof EXIT)[ExitName], string>> = {
  [EXIT.done]: 'done; also: nothing to do, an empty list',
  [EXIT.failed]: 'failed',
  [EXIT.usage]: 'wrong usage or configuration',
  [EXIT.partly]: 'partly done or incomplete; the rest is listed',
  [EXIT.denied]: 'not authenticated or not allowed',
  [EXIT.notFound]: 'not found',
  [EXIT.conflict]: 'conflict, locked, already exists',
  [EXIT.unreachable]: 'coordinator, agent or upstream not reachable',
  [EXIT.pending]: 'still pending after a timeout',
  [EXIT.verification]: 'verification failed: digest, signature, proof or log',
  [EXIT.upstreamChanged]: '`repo check`: upstream has changes',
  [EXIT.ownFailure]: '`muster run`: Muster failed, or the exit code of the run is unknown',
  [EXIT.interrupted]: 'interrupted by Ctrl-C',
  [EXIT.outputClosed]: 'the reader closed the output before the command had finished',
  [EXIT.terminated]: 'ended by SIGTERM',
}

/** Every environment variable that the command line reads. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['MUSTER_HOME', 'the home of the node, like --home'],
  ['MUSTER_CONFIG', 'the configuration file, like --config'],
  ['MUSTER_IDENTITY', 'the key that signs, like --identity'],
  ['MUSTER_COORDINATOR', 'the coordinator, like --coordinator'],
  ['MUSTER_CONTEXT', 'the context, like --context'],
  ['XDG_CONFIG_HOME', 'the folder of muster/contexts.json; default: ~/.config'],
  ['MUSTER_COLUMNS', 'the width of tables if the output is not a terminal'],
  ['MUSTER_BLAKE3', '`typescript` switches the SIMD kernel off'],
  ['SSH_AUTH_SOCK', 'the socket of the ssh-agent that signs'],
  ['NO_COLOR, FORCE_COLOR, TERM=dumb', 'colours off, on, off'],
  ['CI', 'progress is not redrawn'],
]

const list = (rows: readonly (readonly [string | number, string])[]): string =>
  rows.map(([left, right]) => `  ${String(left).padEnd(34)}${right}\n`).join('')

export const TOPICS: Readonly<Record<TopicName, () => string>> = {
  'exit-codes': () =>
    `Exit codes. Treat an unlisted code as a failure.

${list(Object.entries(EXIT_MEANING))}
\`muster run\` on one host and \`muster process wait\` exit with the remote exit code:

${list([
  ['N', 'the exit code of the program'],
  ['128 + n', 'signal n ended the run'],
  [124, '--timeout ended the run'],
  [137, 'the memory limit ended the run'],
  ['143 or 128 + n', '`muster process stop` ended the run'],
])}`,
  environment: () =>
    `Environment variables. A flag overrides a variable. A variable overrides the configuration.

${list(ENVIRONMENT)}`,
  output: () => `Results go to stdout, everything else to stderr. -o selects the format of a result:

${list([
  ['table', 'for people: upper-case headers, three blanks between columns, - for no value'],
  ['wide', 'a table with more columns'],
  ['json', 'camelCase keys, times in RFC 3339 UTC, sizes in bytes, hashes in lower-case hex'],
  ['yaml', 'the same value as YAML'],
  ['name', 'one id on each line, as input for another command'],
])}
Later versions may add keys to JSON and YAML, but never rename or remove one.
With -o json an error is one JSON object on stderr:
{"type":"error","code":…,"exit":…,"message":…,"hint":…}
`,
  config:
    () => `The configuration is <home>/config.yaml and the files that it includes (conf.d/*.yaml).
A file with the keys name and type at its top level describes a repository.
\`muster config validate\` checks it, \`muster config show\` prints the effective configuration.
docs/CONFIG.md describes every key.
`,
}
