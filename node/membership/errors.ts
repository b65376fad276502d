/** Errors of the trust state. */
import { defineErrors } from '../../shared/errors.ts'

export const trustStateError = defineErrors({
  'trust-state.damaged': {
    exit: 'failed',
    message: (d: { path: string }) => `the trust state of this node cannot be read: ${d.path}`,
    hint: () => 'restore the file, or join again with an empty home',
  },
})
