/** `muster help TOPIC`: what belongs to no single command. */
import { EXIT, type ExitName } from '../../shared/exit-codes.ts'

/** What each exit code means to whoever reads it; complete by type. */
export const EXIT_MEANING: Readonly<Record<ExitName, string>> = {
  done: 'done; also: nothing to do, an empty list',
  failed: 'failed',
  usage: 'wrong usage or configuration',
  partly: 'partly done or incomplete; the rest is listed',
  denied: 'not authenticated or not allowed',
  notFound: 'not found',
  conflict: 'conflict, locked, already exists',
  unreachable: 'coordinator, agent or upstream not reachable',
  pending: 'still pending after a timeout',
  verification: 'verification failed: digest, signature, proof or log',
  upstreamChanged: '`repo check`: upstream has changes',
  ownFailure: "`muster run`: Muster's own failure, as distinct from the remote exit code",
  interrupted: 'interrupted by Ctrl-C',
  outputClosed: 'the reader of the output went away',
  terminated: 'ended by SIGTERM',
}

/** Every environment variable that the command line reads. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['MUSTER_HOME', 'the home of the node, instead of --home'],
  ['MUSTER_CONFIG', 'the configuration file, instead of --config'],
  ['MUSTER_IDENTITY', 'the key that signs, instead of --identity'],
  ['MUSTER_COORDINATOR', 'the coordinator, instead of --coordinator'],
  ['MUSTER_CONTEXT', 'the context, instead of --context'],
  ['XDG_CONFIG_HOME', 'where muster/contexts.json is kept, instead of ~/.config'],
  ['MUSTER_COLUMNS', 'tables fit this width where the output is not a terminal'],
  ['MUSTER_BLAKE3', '`typescript` switches the SIMD kernel off'],
  ['SSH_AUTH_SOCK', 'the ssh-agent that is asked to sign'],
  ['NO_COLOR, FORCE_COLOR, TERM=dumb', 'colours off, on, off'],
  ['CI', 'no redrawn progress'],
]

const list = (rows: readonly (readonly [string | number, string])[]): string =>
  rows.map(([left, right]) => `  ${String(left).padEnd(34)}${right}\n`).join('')

export const TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': () =>
    `Exit codes. Treat one that is not listed as a failure.\n\n${list(
      Object.entries(EXIT)
        .sort(([, a], [, b]) => a - b)
        .map(([name, code]) => [code, EXIT_MEANING[name as ExitName]]),
    )}\n\`muster run\` on one host and \`muster process wait\` exit with the remote exit code, 128 + n for a signal, 124 where --timeout ended the run, 137 where its memory limit did, 143 or 128 + n where it was stopped.\n`,
  environment: () =>
    `Environment variables. A flag goes before a variable, a variable before the configuration.\n\n${list(ENVIRONMENT)}`,
  output: () => `Results go to stdout, everything else to stderr. -o chooses the form of a result:

${list([
  ['table', 'for people: upper-case headers, three blanks between columns, - for none'],
  ['wide', 'the same with more columns'],
  [
    'json',
    'camelCase keys, times in RFC 3339 UTC, sizes in bytes, hashes in lower-case hex; keys are only ever added',
  ],
  ['yaml', 'the same as YAML'],
  ['name', 'one id a line, for another command'],
])}
With -o json an error is one JSON object on stderr: {"type":"error","code":…,"exit":…,"message":…,"hint":…}.
`,
  config:
    () => `The configuration is <home>/config.yaml and the files that it includes (conf.d/*.yaml). A file with name and type at its top
is a repository. Check it with \`muster config validate\`, see what is in force with \`muster config show\`.
docs/CONFIG.md describes every key.
`,
}
