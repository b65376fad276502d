// Checks that `npm ci` can install package-lock.json on every platform. check: every optional
// dependency of a locked package is locked, and no download address is recorded. prune: removes
// names that the registry could not serve. After a 404 they are not in the lockfile, and `npm ci`
// then fails. usage after each change of dependencies: node tools/lockfile.mjs check|prune
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lock = JSON.parse(readFileSync(file, 'utf8'))

/** Returns the lockfile key of the `name` that the package at `from` imports, or undefined. */
function resolve(from, name) {
  for (let folder = from; ; ) {
    const key = `${folder ? `${folder}/` : ''}node_modules/${name}`
    if (lock.packages[key]) return key
    if (!folder) return undefined
    const cut = folder.lastIndexOf('/node_modules/')
    folder = cut < 0 ? '' : folder.slice(0, cut)
  }
}

const missing = []
for (const [key, entry] of Object.entries(lock.packages))
  for (const name of Object.keys(entry.optionalDependencies ?? {}))
    if (!resolve(key, name)) missing.push([key, name])

if (process.argv[2] === 'prune') {
  for (const [key, name] of missing) {
    const entry = lock.packages[key]
    delete entry.optionalDependencies[name]
    if (Object.keys(entry.optionalDependencies).length === 0) delete entry.optionalDependencies
  }
  for (const entry of Object.values(lock.packages)) delete entry.resolved
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(`pruned ${missing.length}`)
} else {
  const addresses = Object.entries(lock.packages).filter(([, entry]) => entry.resolved)
  for (const [key, name] of missing)
    console.error(`package-lock.json: ${key || 'the project'} names ${name}, which is not locked`)
  for (const [key] of addresses)
    console.error(`package-lock.json: ${key} records a download address`)
  if (missing.length + addresses.length > 0) {
    console.error('Next: node tools/lockfile.mjs prune, then npm ci')
    process.exitCode = 1
  } else console.log('package-lock.json: ok')
}
