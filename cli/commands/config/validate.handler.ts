/** Loads the configuration. Valid settings that this version doesn't support are errors too. */
import { configError } from '../../../shared/config/errors.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { files, repositories, unsupported } = await context.config()
  const problems = [...unsupported.settings, ...unsupported.repositories]
  if (problems.length > 0) throw configError('config.unsupported', { problems })
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
