/** Checks that the configuration loads and has no unsupported settings. */
import { configError } from '../../../../shared/config/errors.ts'
import { MusterError } from '../../../../shared/errors.ts'
import { counted } from '../../../terminal/counted.ts'
import type { Check } from '../ground/check.ts'

export const configuration: Check = {
  name: 'config',
  run: async ({ context }) => {
    try {
      const { files, repositories, unsupported } = await context.config()
      const [problem] = [...unsupported.settings, ...unsupported.repositories]
      if (problem !== undefined) {
        const status = unsupported.settings.length > 0 ? 'fail' : 'warn'
        return {
          status,
          detail: `this version does not support a setting of the configuration: ${problem}`,
          fix: 'muster config validate',
        }
      }
      return {
        status: 'ok',
        detail:
          `configuration ${files[0]}, ${counted(files.length, 'file')}, ` +
          counted(repositories.length, 'repository', 'repositories'),
      }
    } catch (error) {
      if (configError.is(error, 'config.not-found')) return undefined
      if (error instanceof MusterError)
        return {
          status: 'fail',
          detail: error.message.split('\n', 2).join(': '),
          fix: 'muster config validate',
        }
      throw error
    }
  },
}
