/**
 * Real dnf, zypper and rpm install from the coordinator's mirror and through an agent's gateway,
 * also during a switch.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { startFleet } from '../testing/fleet.ts'
import { clientRoot, runClient } from './client-root.ts'

test('dnf and zypper install from the mirror and through a gateway', async (t) => {
  await using fleet = await startFleet({ agents: 1 })
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
  await fleet.ok(['snapshot', 'create', '--repo-id', 'sample', '--name', 'first'])
  const { coordinator } = JSON.parse(await fleet.ok(['status', '-o', 'json'])) as {
    coordinator: { http: string }
  }
  const gateway = /^baseurl=(.*)$/m.exec(
    await fleet.ok(['agent', 'repofile'], { home: 'a1' }),
  )?.[1] as string

  for (const [where, url] of [
    ['mirror', `${coordinator.http}/repos/sample/latest/`],
    ['snapshot', `${coordinator.http}/repos/sample/snapshots/first/`],
    ['gateway', gateway],
  ] as const)
    await t.test(`dnf, zypper and rpm on the ${where}`, () => {
      {
        using root = clientRoot()
        root.use(url)
        const installed = root.dnf('install', 'harbor')
        assert.equal(installed.status, 0, installed.said)
        assert.match(root.rpm('-q', 'harbor').stdout, /^harbor-1\.1-1/)
        const downgraded = root.dnf('downgrade', 'harbor-1.0')
        assert.equal(downgraded.status, 0, downgraded.said)
        const provides = root.dnf('provides', '/usr/bin/harbor')
        assert.equal(provides.status, 0, provides.said)
        assert.equal(root.rpm('-Va').stdout.trim(), '')
      }
      using root = clientRoot()
      root.use(url)
      const refreshed = root.zypper('refresh')
      assert.equal(refreshed.status, 0, refreshed.said)
      const installed = root.zypper('install', '--no-recommends', 'harbor')
      assert.equal(installed.status, 0, installed.said)
    })

  await t.test('facts have as many packages as dpkg-query', async () => {
    const facts = JSON.parse(await fleet.ok(['facts', 'show', 'a1', '-o', 'json'])) as {
      packages: { manager: string }[]
    }
    const listed = runClient('dpkg-query', ['-f', '${db:Status-Status}\n', '-W'])
      .stdout.split('\n')
      .filter((status) => status === 'installed')
    assert.equal(facts.packages.filter((pkg) => pkg.manager === 'dpkg').length, listed.length)
  })
})
