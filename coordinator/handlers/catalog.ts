/**
 * Serves `/muster/catalog/1` on the coordinator. The gateways of agents look up the blob at a path
 * of a published tree.
 */
import type { catalog } from '../../protocols/catalog/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Lookup } from '../repositories/publish/lookup.ts'
import type { Repositories } from '../repositories/configured.ts'

export function catalogHandlers(deps: {
  lookup: Lookup
  repositories: Repositories
}): Handlers<typeof catalog> {
  const { lookup, repositories } = deps
  return {
    async tree({ repository, snapshot, path }) {
      const target = snapshot ?? 'latest'
      const file = path === '' ? undefined : await lookup.lookup(repository, target, path)
      if (file !== undefined) return { found: 'file', blob: file.blob, size: file.size }
      const entries = await lookup.list(repository, target, path)
      if (entries === undefined) return { found: 'nothing' }
      return {
        found: 'folder',
        entries: entries.map((entry) => (entry.kind === 'folder' ? `${entry.name}/` : entry.name)),
      }
    },
    async repositories() {
      const rows = await Promise.all(
        repositories.all.map(async ({ name, type }) => {
          const targets = (await lookup.targets(name)).map((target) => target.target)
          const gpgkey = (await lookup.keys(name, 'latest'))[0] ?? null
          return {
            id: name,
            type,
            snapshots: targets.filter((target) => target !== 'latest'),
            gpgkey,
            latest: targets.includes('latest'),
          }
        }),
      )
      return { repositories: rows.filter((row) => row.latest || row.snapshots.length > 0) }
    },
  }
}
