/** docs/CLI.md, from the declarations of the commands. */
import { type Declaration, type FlagSpecs, type Registry } from '../cli/program/command.ts'
import { globalFlags } from '../cli/program/global-flags.ts'
import { flagNotes, flagUsage, sentence, usageLine } from '../cli/program/help.ts'
import { ENVIRONMENT, EXIT_MEANING } from '../cli/program/topics.ts'
import { EXIT, type ExitName } from '../shared/exit-codes.ts'

/** The whole page. */
export async function renderCli(registry: Registry): Promise<string> {
  const sections: string[] = []
  const index: string[] = []
  for (const [noun, entry] of Object.entries(registry)) {
    if (noun.startsWith('__')) continue
    if (!('verbs' in entry)) {
      sections.push(section(2, [noun], (await entry.command()).command))
      index.push(`- [\`muster ${noun}\`](#muster-${noun}): ${entry.summary}`)
      continue
    }
    sections.push(`## muster ${noun}\n\n${sentence(entry.summary)}\n`)
    index.push(`- [\`muster ${noun}\`](#muster-${noun}): ${entry.summary}`)
    for (const [verb, load] of Object.entries(entry.verbs)) {
      const { command } = await load()
      if (!command.hidden) sections.push(section(3, [noun, verb], command))
    }
  }
  return `# The command line

<!-- Made by tools/docs.ts from the declarations in cli/commands; change those. -->

\`muster <noun> <verb> [--flags] [arguments]\`: \`bin/muster\` in a clone, \`muster\` when installed. Results go to stdout, everything else to
stderr. Unknown flags are errors. A command that fails prints \`muster: error: …\` and, where there is something to do, \`muster: hint: …\`.

${index.join('\n')}

## Flags of every command

${flagTable(globalFlags, [
  ['`--no-color`', 'no colours; `NO_COLOR` does the same'],
  ['`-h, --help`', 'the help page of the command'],
])}
With \`-o json\` keys are camelCase, times RFC 3339 in UTC, sizes in bytes, hashes lower-case hex; keys are only ever added, never renamed. An
error is then one JSON object on stderr: \`{"type":"error","code":…,"exit":…,"message":…,"hint":…}\`.

## Exit codes

| code | meaning |
|---|---|
${Object.entries(EXIT)
  .sort(([, a], [, b]) => a - b)
  .map(([name, code]) => `| ${code} | ${EXIT_MEANING[name as ExitName]} |\n`)
  .join('')}
Treat a code that is not listed as a failure. \`muster run\` on one host and \`muster process wait\` exit with the remote exit code, 128 + n for a signal, 124 where --timeout ended the run, 137 where its memory limit did, 143 or 128 + n where it was stopped.

## Environment

| variable | meaning |
|---|---|
${ENVIRONMENT.map(([name, meaning]) => `| ${name.split(', ').map(code).join(', ')} | ${cell(meaning)} |\n`).join('')}
${sections.join('\n')}`
}

function section(depth: number, words: readonly string[], command: Declaration): string {
  const parts = [
    `${'#'.repeat(depth)} muster ${words.join(' ')}`,
    `${sentence(command.summary)}${command.description === undefined ? '' : ` ${command.description}`}`,
  ]
  parts.push(`\`\`\`text\n${usageLine(words, command)}\n\`\`\``)
  const args = Object.entries(command.arguments)
  if (args.length > 0)
    parts.push(
      `| argument | meaning |\n|---|---|\n${args.map(([name, spec]) => `| \`${name.toUpperCase()}\` | ${cell(spec.summary)} |`).join('\n')}`,
    )
  if (Object.keys(command.flags).length > 0) parts.push(flagTable(command.flags).trimEnd())
  parts.push(command.examples.map(({ command: line, does }) => `- \`${line}\`: ${does}`).join('\n'))
  return `${parts.join('\n\n')}\n`
}

function flagTable(flags: FlagSpecs, more: readonly (readonly [string, string])[] = []): string {
  const rows = Object.entries(flags).map(
    ([key, spec]) =>
      [code(flagUsage(key, spec)), cell(`${spec.summary}${flagNotes(spec)}`)] as const,
  )
  return `| flag | meaning |\n|---|---|\n${[...rows, ...more].map(([flag, meaning]) => `| ${flag} | ${meaning} |\n`).join('')}`
}

const code = (text: string): string => `\`${text}\``
/** A cell of a Markdown table: a bar would end it, angle brackets would be HTML. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
