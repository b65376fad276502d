/** Every migration, in the order in which they are applied. */
import type { Migration } from '../schema/migration.ts'
import { migration as log } from './0001-log.ts'
import { migration as registry } from './0002-registry.ts'
import { migration as mirror } from './0003-mirror.ts'
import { migration as inventory } from './0004-inventory.ts'
import { migration as runs } from './0005-runs.ts'
import { migration as pins } from './0006-pins.ts'
import { migration as runContact } from './0007-run-contact.ts'
import { migration as collections } from './0008-collections.ts'
import { migration as neutralNames } from './0009-neutral-names.ts'

export const MIGRATIONS: readonly Migration[] = [
  log,
  registry,
  mirror,
  inventory,
  runs,
  pins,
  runContact,
  collections,
  neutralNames,
]
