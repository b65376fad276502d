/** The checks of `muster doctor`, in the order in which they are printed. */
import type { Check } from './check.ts'
import { blake3 } from './checks/blake3.ts'
import { configuration } from './checks/configuration.ts'
import { home } from './checks/home.ts'
import { node } from './checks/node.ts'
import { space } from './checks/space.ts'
import { sqlite } from './checks/sqlite.ts'

export const checks: readonly Check[] = [node, sqlite, blake3, home, configuration, space]
