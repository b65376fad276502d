/** Errors of invalid facts. */
import { defineErrors } from '../errors.ts'

export const factsError = defineErrors({
  'facts.malformed': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) => `${d.what} can't be used: ${d.reason}`,
  },
})
