/** Errors of reading RPM packages, headers and databases. */
import { defineErrors } from '../errors.ts'

export const rpmError = defineErrors({
  'rpm.header': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) =>
      `${d.what} has a broken RPM header: ${d.reason}`,
  },
  'rpm.package': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) =>
      `${d.what} is not an RPM package: ${d.reason}`,
  },
})
