/**
 * Rejects SQLite libraries with the WAL-reset bug, which can corrupt a database in WAL mode
 * (sqlite.org/wal.html, "The WAL-reset bug").
 */
import { databaseError } from './errors.ts'

/** True for 3.7.0 to 3.51.2. The branches from 3.44.6 and from 3.50.7 have the fix. */
export function hasWalBug(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major !== 3) return major < 3
  if (minor === 44) return patch < 6
  if (minor === 50) return patch < 7
  return minor >= 7 && (minor < 51 || (minor === 51 && patch <= 2))
}

/** @throws database.library */
export function checkSqliteLibrary(version: string): void {
  if (!/^\d+\.\d+\.\d+/.test(version))
    throw databaseError('database.library', {
      library: 'SQLite',
      version,
      reason: 'its version cannot be read',
    })
  // STRICT tables require 3.37.
  const [, minor = 0] = version.split('.').map(Number)
  if (hasWalBug(version))
    throw databaseError('database.library', {
      library: 'SQLite',
      version,
      reason: 'its write-ahead log can corrupt the database',
    })
  if (version.startsWith('3.') && minor < 37)
    throw databaseError('database.library', {
      library: 'SQLite',
      version,
      reason: 'it is older than 3.37',
    })
}
