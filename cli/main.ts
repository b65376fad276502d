/** Starts `muster`. It enables the cache of compiled code before other modules load. */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// The cache is beside the dependencies. A user who can change it can also change them. In the
// shared temporary folder, every user could put code into the cache.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'muster'))

const [{ start }, { registry }] = await Promise.all([
  import('./program/start.ts'),
  import('./commands/index.ts'),
])
await start(registry, process.argv.slice(2))
