import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { factSetBytes, parseFactSet } from '../../shared/facts/package-set.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { collect } from './collect.ts'
import { parseOsRelease } from './collectors/host.ts'

async function inRoot(work: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'muster-collect-'))
  try {
    await work(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

test('facts collect: collects a complete set that can be encoded and parsed', () =>
  inRoot(async (root) => {
    await mkdir(join(root, 'etc'))
    await writeFile(
      join(root, 'etc/os-release'),
      'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    )
    await mkdir(join(root, 'var/lib/dpkg'), { recursive: true })
    await cp(
      new URL('../../fixtures/dpkg/status', import.meta.url),
      join(root, 'var/lib/dpkg/status'),
    )
    const set = await collect({ log: recordedLog() }, { root })
    assert.equal(set.packages.length, 8)
    assert.deepEqual(
      [set.os.id, set.os.version, set.os.name, set.os.hostname],
      ['debian', '12', 'Debian GNU/Linux 12 (bookworm)', hostname()],
    )
    assert.deepEqual(parseFactSet(factSetBytes(set)), set)
  }))

test('facts collect: an unreadable database means that there is no set', () =>
  inRoot(async (root) => {
    await mkdir(join(root, 'var/lib/dpkg'), { recursive: true })
    await mkdir(join(root, 'var/lib/rpm'), { recursive: true })
    await writeFile(join(root, 'var/lib/dpkg/status'), '')
    await writeFile(join(root, 'var/lib/rpm/Packages'), '')
    await assert.rejects(collect({ log: recordedLog() }, { root, rpm: join(root, 'no-rpm') }), {
      code: 'facts.unreadable',
      message: /there is no rpm on this host/,
    })
  }))

test('facts collect: an unsupported or empty manager is not a host without packages', async () => {
  const hosts: [files: string[], reason: RegExp][] = [
    [['var/db/pkg/app-shells/bash-5.2_p26/PF'], /not supported \(portage\)$/],
    [['lib/apk/db/installed'], /not supported \(apk\)$/],
    [['usr/lib/apk/db/installed'], /not supported \(apk\)$/],
    [['var/lib/pacman/local/bash-5.2.026-2/desc'], /not supported \(pacman\)$/],
    [['nix/var/nix/db/db.sqlite'], /not supported \(nix\)$/],
    [['var/db/xbps/pkgdb-0.38.plist'], /not supported \(xbps\)$/],
    [['var/lib/dpkg/status.d/base'], /not supported \(distroless\)$/],
    [['var/lib/dpkg/status'], /lists no packages \(dpkg\)$/],
    [['var/lib/rpm/.rpm.lock'], /no package manager that Muster reads \(dpkg, rpm\)$/],
    [[], /no package manager that Muster reads \(dpkg, rpm\)$/],
  ]
  for (const [files, reason] of hosts)
    await inRoot(async (root) => {
      for (const file of files) {
        await mkdir(dirname(join(root, file)), { recursive: true })
        await writeFile(join(root, file), '')
      }
      await assert.rejects(
        collect({ log: recordedLog() }, { root }),
        { code: 'facts.unknown', message: reason },
        files.join(),
      )
    })
})

test('facts collect: ends with its signal', async () => {
  await assert.rejects(
    collect({ log: recordedLog() }, {}, AbortSignal.abort(new Error('enough'))),
    { message: 'enough' },
  )
})

test('os-release: parses quotes and escapes, and skips other lines', () => {
  const text =
    `# comment\nNAME=Fedora\\ Linux\nID='fe"d'\nPRETTY_NAME="a \\"b\\" \\$c \\\\ d" \n` +
    `lower=1\n=x\nEMPTY=\nBROKEN="half\n`
  assert.deepEqual(
    [...parseOsRelease(text)],
    [
      ['NAME', 'Fedora Linux'],
      ['ID', 'fe"d'],
      ['PRETTY_NAME', 'a "b" $c \\ d'],
      ['EMPTY', ''],
      ['BROKEN', '"half'],
    ],
  )
})
