/** The entry of `muster`. It enables the cache of compiled code before other modules load. */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// The cache is beside the dependencies, which have the same trust. Every user can write to the
// shared temporary folder, and could put code into a cache there.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'muster'))

const [{ start }, { registry }] = await Promise.all([
  import('./program/start.ts'),
  import('./commands/index.ts'),
])
await start(registry, process.argv.slice(2))
