/**
 * Observes one new package set after another, in the journal of the folder in its argument. It
 * prints `epoch sequence root` of each durable update, until it is killed or a write fails. After a
 * failed write, it observes a set that differs less, and prints whether that write succeeds.
 */
import { writeSync } from 'node:fs'
import { openJournal } from '../facts/journal.ts'
import { systemClock } from '../../shared/clock.ts'
import { factPackage, factSet } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import type { FactUpdate } from '../../shared/facts/update.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const journal = await openJournal(
  { random: systemRandom, clock: systemClock, log: recordedLog() },
  { folder: process.argv[2] as string },
)
const setOf = (...evrs: string[]): FactSet =>
  factSet(
    os,
    evrs.map((evr, i) => factPackage('rpm', `package-${i}`, 'noarch', evr)),
  )
const tell = (update: FactUpdate | undefined): void => {
  if (update !== undefined) writeSync(1, `${update.epoch} ${update.sequence} ${update.root}\n`)
}

let last = setOf()
try {
  for (let i = journal.position()?.sequence ?? 0; ; i++) {
    const next = setOf(...Array.from({ length: 20 }, (_, n) => `${i}-${n}`))
    tell(await journal.observe(next))
    last = next
  }
} catch (error) {
  writeSync(2, `${(error as { code?: string }).code}: ${(error as Error).message}\n`)
  tell(await journal.observe(factSet(os, last.packages.slice(1))))
  writeSync(1, 'a smaller one fits\n')
}
