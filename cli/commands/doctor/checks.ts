/** The checks of `muster doctor`, in the order in which they are printed. */
import type { Check } from './ground/check.ts'
import { agent } from './checks/agent.ts'
import { blake3 } from './checks/blake3.ts'
import { clock } from './checks/clock.ts'
import { configuration } from './checks/configuration.ts'
import { coordinator } from './checks/coordinator.ts'
import { credentialFiles } from './checks/credential-files.ts'
import { facts } from './checks/facts.ts'
import { hostFacts } from './checks/host-facts.ts'
import { home } from './checks/home.ts'
import { hostClocks } from './checks/host-clocks.ts'
import { hosts } from './checks/hosts.ts'
import { log } from './checks/log.ts'
import { node } from './checks/node.ts'
import { pool } from './checks/pool.ts'
import { repositories } from './checks/repositories.ts'
import { space } from './checks/space.ts'
import { sqlite } from './checks/sqlite.ts'

export const checks: readonly Check[] = [
  node,
  sqlite,
  blake3,
  home,
  configuration,
  credentialFiles,
  space,
  pool,
  agent,
  coordinator,
  facts,
  clock,
  log,
  hosts,
  hostClocks,
  hostFacts,
  repositories,
]
