/**
 * Errors of a host that rejects an intent before its decision. The coordinator sends new proofs.
 */
import { defineErrors } from '../../shared/errors.ts'

export const commandRefusal = defineErrors({
  'command.position-moved': {
    exit: 'conflict',
    retryable: true,
    message: (d: { size: number }) =>
      `this host accepted a newer checkpoint (${d.size} entries) during the call`,
  },
})
