import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../shared/clock.ts'
import { systemRandom } from '../../../../shared/random.ts'
import { describeDestination } from '../testing/contract.ts'
import { createFolderDestination } from './destination.ts'

describeDestination('folder', {
  open: ({ pool }) => createFolderDestination({ pool, clock: systemClock, random: systemRandom }),
  read: ({ path: link }, path) => readFile(join(link, path)).catch(() => undefined),
})
