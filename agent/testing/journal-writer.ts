/**
 * Observes one new package set after the other in the journal of the folder that is its argument, and prints `epoch sequence root` of each
 * update once it is durable; until it is killed, or the disk refuses.
 */
import { writeSync } from 'node:fs'
import { openJournal } from '../facts/journal.ts'
import { systemClock } from '../../shared/clock.ts'
import { factPackage, factSet } from '../../shared/facts/package-set.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const journal = await openJournal({ random: systemRandom, clock: systemClock, log: recordedLog() }, { folder: process.argv[2] as string })
try {
  for (let i = journal.position()?.sequence ?? 0; ; i++) {
    const packages = Array.from({ length: 20 }, (_, n) => factPackage('rpm', `package-${n}`, 'noarch', `${i}-${n}`))
    const update = await journal.observe(factSet(os, packages))
    if (update !== undefined) writeSync(1, `${update.epoch} ${update.sequence} ${update.root}\n`)
  }
} catch (error) {
  writeSync(2, `${(error as { code?: string }).code}: ${(error as Error).message}\n`)
  process.exitCode = 1
}
