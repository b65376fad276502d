/** Why a host rejects an intent before it decides. The coordinator proves again. */
import { defineErrors } from '../../shared/errors.ts'

export const commandRefusal = defineErrors({
  'command.position-moved': {
    exit: 'conflict',
    retryable: true,
    message: (d: { size: number }) =>
      `this host has seen the log at ${d.size} entries since it was asked`,
  },
})
