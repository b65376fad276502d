/** What can go wrong with a fetch as a whole; what one provider did wrong is an error of blob.* or protocol.*. */
import { defineErrors } from '../../shared/errors.ts'

export const transferError = defineErrors({
  'transfer.incomplete': {
    exit: 'unreachable',
    retryable: true,
    message: (d: {
      id: string
      missing: number
      size: number
      providers: number
      reason: string
    }) =>
      `blob ${d.id} could not be fetched whole: ${d.missing} of ${d.size} bytes are missing after ${d.providers} providers; the last one: ${d.reason}`,
    hint: () => 'what was verified is kept; try again once a host that has it is connected',
  },
})
