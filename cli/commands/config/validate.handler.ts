/** Loads the configuration; the loader's error lists what is wrong. */
import type { CommandContext } from '../../context.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { files, repositories } = await context.config()
  await context.printOne({
    value: { valid: true, files, repositories: repositories.map(({ name }) => name) },
    fields: [
      ['result', 'valid'],
      ['files', files.join('\n')],
      ['repositories', repositories.map(({ name }) => name).join('\n')],
    ],
    name: 'valid',
  })
}
