/** Prints the version. -o json and -o wide also print the version of Node and the platform. */
import { VERSION } from '../../../shared/version.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  if (context.globals.output === 'table') return context.stdout.write(`${VERSION}\n`)
  const { platform, arch, versions } = process
  await context.printOne({
    value: { version: VERSION, node: versions.node, platform, arch },
    fields: [
      ['muster', VERSION],
      ['node', versions.node],
      ['platform', `${platform}-${arch}`],
    ],
    name: VERSION,
  })
}
