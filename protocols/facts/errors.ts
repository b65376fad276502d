/** The error of a coordinator that rejects the facts of a host. The host gets the reason. */
import { defineErrors } from '../../shared/errors.ts'

export const factsRefusal = defineErrors({
  'inventory.refused': {
    exit: 'verification',
    message: (d: { host: string; reason: string }) =>
      `the facts of ${d.host} are not acceptable: ${d.reason}`,
  },
})
