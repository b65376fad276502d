/**
 * The entry of `muster`: turns on the cache of compiled code before anything else is loaded, then
 * starts.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Beside the dependencies, which whoever may write there can replace anyway. Never the shared
// temporary folder, where anybody may plant code.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'muster'))

const [{ start }, { registry }] = await Promise.all([
  import('./program/start.ts'),
  import('./commands/index.ts'),
])
await start(registry, process.argv.slice(2))
