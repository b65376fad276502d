/**
 * All tables. Each area declares and writes its own; the migrations create them under the same
 * names.
 */
import type { AuditTables } from './audit.ts'
import type { DispatchTables } from './runs.ts'
import type { InventoryTables } from './inventory.ts'
import type { MirrorTables } from './repositories.ts'
import type { RegistryTables } from './registry.ts'

export interface SchemaTables {
  schema_migration: SchemaMigrationTable
}

/** What {@link migrate} has done. Unknown names mean that a newer Muster was here. */
export interface SchemaMigrationTable {
  name: string
  /** SHA-256 of the statements that ran, hex. */
  checksum: string
  applied_at: number
}

export type Tables = SchemaTables &
  AuditTables &
  RegistryTables &
  MirrorTables &
  InventoryTables &
  DispatchTables
