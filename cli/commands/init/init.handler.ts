/** Creates a coordinator's home: keys, database, configuration, the fleet's root. */
import { hostname } from 'node:os'
import { initCoordinator } from '../../../coordinator/home/init.ts'
import { parsePublicKeyLine } from '../../../shared/identity/public-key.ts'
import { readKeyText } from '../../../shared/identity/key-file.ts'
import { expectation } from '../../../shared/schema-issue.ts'
import { nameField } from '../../../shared/trust/fields.ts'
import { cliError } from '../../terminal/errors.ts'
import { quoted } from '../../program/flag-value.ts'
import { openOperatorKey } from '../../session/operator-key.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './init.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { fleet, operator, name } = context.flags
  requireName('--fleet', fleet)
  if (name !== undefined) requireName('--name', name)
  const signer = await openOperatorKey(context, context.globals.identity)
  const operators =
    operator.length === 0
      ? [{ publicKey: signer.publicKey, name: nameOf(signer.comment, 'operator') }]
      : []
  for (const [index, file] of operator.entries()) {
    const { publicKey, comment } = parsePublicKeyLine(
      await readKeyText(file, { secret: false }, context.signal),
      file,
    )
    operators.push({ publicKey, name: nameOf(comment, `operator ${index + 1}`) })
  }
  const home = context.home()
  const report = await initCoordinator(
    { clock: context.clock, random: context.random, log: await context.log() },
    { home, fleetName: fleet, name: nameOf(name ?? hostname(), 'coordinator'), operators, signer },
  )
  await context.printOne({
    value: { home, ...report },
    name: report.fleet,
    fields: [
      ['home', home],
      ['fleet', `${fleet}   ${report.fleet}`],
      ['root', `${report.root}   operators: ${operators.map((one) => one.name).join(', ')}`],
      ['node key', report.nodeFingerprint],
    ],
  })
  await context.note(
    'next: muster coordinator run, then in another terminal: muster enroll token --approve',
  )
}

/** Rejects a chosen name that statements don't allow. @throws cli.usage */
function requireName(flag: string, text: string): void {
  const checked = nameField.safeParse(text)
  if (checked.success) return
  throw cliError('cli.usage', {
    reason: `${flag}: ${expectation(checked.error.issues[0])}, got ${quoted(text)}`,
    hint: 'see --help',
  })
}

/** Converts any text, such as the comment of an SSH key, to a name that statements allow. */
function nameOf(text: string, otherwise: string): string {
  return (
    text
      .replace(/[^A-Za-z0-9 ._@:+-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || otherwise
  )
}
