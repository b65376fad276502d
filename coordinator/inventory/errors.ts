/** Errors of the facts that a host sends. */
import { defineErrors } from '../../shared/errors.ts'

export const inventoryError = defineErrors({
  'inventory.not-theirs': {
    exit: 'denied',
    message: (d: { host: string }) =>
      `${d.host} sent facts about another host, or facts that another key signed`,
  },
  'inventory.none': {
    exit: 'notFound',
    message: (d: { host: string }) => `${d.host} has not reported its packages yet`,
    hint: () => 'run `muster agent list` to see whether it is connected',
  },
  'inventory.unknown': {
    exit: 'notFound',
    message: (d: { host: string; reason: string }) =>
      `the packages of ${d.host} are unknown: ${d.reason}`,
    hint: (d: { host: string }) => `run \`muster agent show ${d.host}\` to see what it reports`,
  },
  'inventory.bad-version': {
    exit: 'usage',
    message: (d: { version: string }) =>
      `${JSON.stringify(d.version)} is not a version condition, such as '< 3.0.7-25.el9'`,
    hint: () => 'write <, <=, =, >= or > and then [epoch:]version[-release], quoted for the shell',
  },
})
