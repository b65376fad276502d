/** The configuration loads. */
import { MusterError } from '../../../../shared/errors.ts'
import type { Check } from '../check.ts'

export const configuration: Check = {
  name: 'config',
  run: async (context) => {
    try {
      const { files, repositories } = await context.config()
      return { status: 'ok', detail: `configuration ${files[0]}, ${files.length} files, ${repositories.length} repositories` }
    } catch (error) {
      if (error instanceof MusterError && error.code === 'config.not-found') return undefined
      if (error instanceof MusterError)
        return { status: 'fail', detail: error.message.split('\n', 2).join(': '), fix: 'muster config validate' }
      throw error
    }
  },
}
