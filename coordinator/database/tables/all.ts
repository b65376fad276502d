/**
 * All tables. Each area writes only its own tables. The migrations create them with the same names.
 */
import type { AuditTables } from './audit.ts'
import type { DispatchTables } from './runs.ts'
import type { InventoryTables } from './inventory.ts'
import type { MirrorTables } from './repositories.ts'
import type { RegistryTables } from './registry.ts'

export interface SchemaTables {
  schema_migration: SchemaMigrationTable
}

/**
 * The migrations that {@link migrate} applied. A newer Muster applied those with unknown names.
 */
export interface SchemaMigrationTable {
  name: string
  /** SHA-256 of the executed statements, in hex. */
  checksum: string
  applied_at: number
}

export type Tables = SchemaTables &
  AuditTables &
  RegistryTables &
  MirrorTables &
  InventoryTables &
  DispatchTables
