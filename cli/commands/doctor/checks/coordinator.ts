/** Checks that the coordinator responds. This check needs no key, so it works on every host. */
import { defined } from '../../../../shared/defined.ts'
import { MusterError } from '../../../../shared/errors.ts'
import { VERSION } from '../../../../shared/version.ts'
import type { Check } from '../ground/check.ts'
import { reasonOf } from '../ground/subject.ts'

export const coordinator: Check = {
  name: 'coordinator',
  run: async (subject) => {
    const { kind, home, context } = subject
    if (!subject.named)
      return {
        status: 'skipped',
        detail:
          'no coordinator is named: this is not a home of a node, and there is no current context',
        fix: 'name one: --coordinator TICKET or muster context add NAME TICKET',
      }
    try {
      const { name, version } = await subject.greeting()
      if (version === VERSION) return { status: 'ok', detail: `coordinator ${name}, v${version}` }
      return {
        status: 'warn',
        detail: `coordinator ${name} has version ${version}, this program has version ${VERSION}`,
        fix: 'install the same version on both',
      }
    } catch (error) {
      context.signal.throwIfAborted()
      const hint = error instanceof MusterError ? error.hint : undefined
      const own = kind === 'coordinator' && context.globals.coordinator === undefined
      const fix = own ? `start it: muster coordinator run --home ${home}, or its service` : hint
      return {
        status: 'fail',
        detail: `cannot reach the coordinator: ${reasonOf(error)}`,
        ...defined({ fix }),
      }
    }
  },
}
