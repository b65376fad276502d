/**
 * The error of a host that has no output of a run. The coordinator then requests the run's state.
 */
import { defineErrors } from '../../shared/errors.ts'

export const outputRefusal = defineErrors({
  'runner.unknown-run': {
    exit: 'notFound',
    message: (d: { run: string }) => `run ${d.run} is not known to this runner`,
    hint: () => 'muster process list shows the runs that it keeps',
  },
})
