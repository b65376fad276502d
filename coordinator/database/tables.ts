/** All tables. Each area declares and writes its own; the migrations create them under the same names. */
import type { AuditTables } from '../audit/tables.ts'
import type { DispatchTables } from '../dispatch/tables.ts'
import type { InventoryTables } from '../inventory/tables.ts'
import type { MirrorTables } from '../mirror/tables.ts'
import type { RegistryTables } from '../registry/tables.ts'

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
