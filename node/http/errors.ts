/** Errors that prevent the start of a web server. */
import { defineErrors } from '../../shared/errors.ts'

export const httpError = defineErrors({
  'http.address-taken': {
    exit: 'conflict',
    message: (d: { address: string }) => `${d.address} is in use by another program`,
    hint: () =>
      'stop that program, or set another address (http.listen of a coordinator, ' +
      'gateway.listen of an agent)',
  },
  'http.address': {
    exit: 'usage',
    message: (d: { address: string; reason: string }) =>
      `can't listen on ${d.address}: ${d.reason}`,
    hint: () =>
      'http.listen and gateway.listen are HOST:PORT with an address of this host, such as ' +
      '127.0.0.1:8480',
  },
})
