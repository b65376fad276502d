/** Messages of `/muster/control/1` and their bytes. */
import type { Case } from '../rpc/case.ts'
import { auditCases } from './cases/audit.ts'
import { fleetCases } from './cases/fleet.ts'
import { operationsCases } from './cases/operations.ts'
import { repositoriesCases } from './cases/repositories.ts'

export const cases: readonly Case[] = [
  ...fleetCases,
  ...repositoriesCases,
  ...operationsCases,
  ...auditCases,
]
