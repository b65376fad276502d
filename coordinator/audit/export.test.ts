import assert from 'node:assert/strict'
import {
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  FLEET,
  host,
  intentStatement,
  issuer,
  logStatements,
  operator,
  type Statement,
} from '../../fixtures/audit/fleet.ts'
import { verifyBundle } from '../../shared/audit/bundle.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { originOf } from '../../shared/audit/checkpoint.ts'
import { signNote } from '../../shared/audit/note.ts'
import { fleetId, sha256Hex } from '../../shared/ids.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import { ledgerError } from './errors.ts'
import { testLog, type TestLog } from './testing.ts'

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

const refused = (error: { code?: unknown }): boolean =>
  [
    'audit.bundle',
    'audit.bundle-missing',
    'audit.entry',
    'audit.note',
    'audit.checkpoint',
  ].includes(String(error.code))

async function exported(entries: number): Promise<{ log: TestLog; bundle: string }> {
  const log = await testLog('sqlite', entries)
  const bundle = join(log.scratch, 'bundle')
  await log.ledger.export(bundle)
  return { log, bundle }
}

describe('exported log', () => {
  it('AL-20: verifies from its folder alone and names the fleet', async () => {
    const { log, bundle } = await exported(9)
    await using _ = log
    const report = await verifyBundle(bundle)
    const [root] = (await logStatements(1)) as [Statement]
    assert.deepEqual(report, {
      fleet: FLEET,
      root: rootDigest(root.signed.statement),
      rootVersion: 1,
      operators: [{ name: 'olive', fingerprint: operator.fingerprint }],
      size: 9,
      treeRoot: Buffer.from((await log.ledger.head()).root).toString('hex'),
      signedAt: log.ledger.published()?.at,
      signer: issuer.fingerprint,
      hostKeys: [host.fingerprint],
    })
    await verifyBundle(bundle, { fleet: FLEET, root: report.root })
    await assert.rejects(verifyBundle(bundle, { root: sha256Hex.parse('0'.repeat(64)) }), refused)
    await assert.rejects(verifyBundle(bundle, { fleet: fleetId.parse('0'.repeat(32)) }), refused)
    await assert.rejects(verifyBundle(join(log.scratch, 'nowhere')), refused)
  })

  it('AL-20: a change of any byte of any file is found', async () => {
    const { log, bundle } = await exported(4)
    await using _ = log
    for (const path of await files(bundle)) {
      const right = await readFile(path)
      for (let at = 0; at < right.length; at += path.endsWith('checkpoint') ? 1 : 37) {
        const wrong = Buffer.from(right)
        wrong[at] = (wrong[at] as number) ^ (1 << (at % 8))
        await writeFile(path, wrong)
        await assert.rejects(verifyBundle(bundle), refused, `${path} at ${at}`)
      }
      for (const wrong of [
        right.subarray(1),
        right.subarray(0, -1),
        Buffer.concat([right, Buffer.of(10)]),
        Buffer.alloc(0),
      ]) {
        await writeFile(path, wrong)
        await assert.rejects(verifyBundle(bundle), refused, path)
      }
      await writeFile(path, right)
    }
    await verifyBundle(bundle)
  })

  it('AL-20: a missing or added file is found', async () => {
    const { log, bundle } = await exported(4)
    await using _ = log
    const copy = join(log.scratch, 'copy')
    for (const path of await files(bundle)) {
      await rename(path, `${copy}.file`)
      await assert.rejects(verifyBundle(bundle), refused, path)
      await rename(`${copy}.file`, path)
    }
    await writeFile(join(bundle, 'tile/0/001'), 'x')
    await assert.rejects(verifyBundle(bundle), refused)
    await rm(join(bundle, 'tile/0/001'))
    await mkdir(join(bundle, 'empty'))
    await assert.rejects(verifyBundle(bundle), refused)
    await rm(join(bundle, 'empty'), { recursive: true })
    await symlink('/etc/passwd', join(bundle, 'link'))
    await assert.rejects(verifyBundle(bundle), refused)
    await rm(join(bundle, 'link'))
    await verifyBundle(bundle)
  })

  it('AL-20: a changed byte in any large file is found', async () => {
    const { log, bundle } = await exported(3)
    await using _ = log
    const large: string[] = []
    for (const path of await files(bundle)) if ((await stat(path)).size > 1024) large.push(path)
    assert.ok(large.length > 0)
    for (const path of large) {
      const right = await readFile(path)
      for (const byte of [0x55, 0xaa]) {
        if (right[700] === byte) continue
        const wrong = Buffer.from(right)
        wrong[700] = byte
        await writeFile(path, wrong)
        await assert.rejects(verifyBundle(bundle), refused)
      }
    }
  })

  it('rejects a validly signed checkpoint of another log', async () => {
    const { log, bundle } = await exported(4)
    await using _ = log
    const { root } = await log.ledger.head()
    const note = join(bundle, 'checkpoint')
    const right = await readFile(note, 'utf8')
    const signed = [
      await signCheckpoint(issuer, FLEET, { size: 4, root: Buffer.alloc(32), at: 0 }),
      await signCheckpoint(host, FLEET, { size: 4, root, at: 0 }),
      await signCheckpoint(issuer, fleetId.parse('0'.repeat(32)), { size: 4, root, at: 0 }),
    ].map((checkpoint) => checkpoint.note)
    const text = right.slice(0, right.indexOf('\n\n') + 1)
    const withStranger = await signNote(text, [
      { name: originOf(FLEET), signer: issuer },
      { name: originOf(FLEET), signer: host },
    ])
    for (const wrong of [
      ...signed,
      withStranger,
      right.replace('\n4\n', '\n999999999999999\n'),
      `\n${right}`,
      '',
    ]) {
      await writeFile(note, wrong)
      await assert.rejects(verifyBundle(bundle), refused, wrong)
    }
  })

  it('holds a log of several tiles, and one that ends with a full tile', async () => {
    await using log = await testLog('sqlite', 1)
    const [root] = (await logStatements(1)) as [Statement]
    const fill = (count: number): Promise<void> =>
      log.database.transaction(async (tx) => {
        for (let i = 0; i < count; i += 1) await log.ledger.append(tx, root)
      })
    await fill(255)
    const full = join(log.scratch, 'full')
    assert.equal((await log.ledger.export(full)).size, 256)
    assert.deepEqual((await files(full)).map((path) => path.slice(full.length)).sort(), [
      '/checkpoint',
      '/tile/0/000',
      '/tile/1/000.p/1',
      '/tile/entries/000',
    ])
    await fill(300)
    const more = join(log.scratch, 'more')
    assert.equal((await log.ledger.export(more)).size, 556)
    await writeFile(join(more, 'tile/1/000.p/2'), Buffer.alloc(64))
    await assert.rejects(verifyBundle(more), (error: Error) =>
      /hash of entries 0 to 255/.test(error.message),
    )
    await cp(full, more, { recursive: true, force: true })
    await assert.rejects(verifyBundle(more), refused)
  })

  it('is written to a new folder, whole or not at all', async () => {
    const { log, bundle } = await exported(3)
    await using _ = log
    await assert.rejects(log.ledger.export(bundle), (error) =>
      ledgerError.is(error, 'ledger.export-exists'),
    )
    await log.fill([await intentStatement(20)])
    await log.database.query
      .updateTable('log_entry')
      .set({ bytes: Buffer.from('{}') })
      .where('index', '=', 3)
      .execute()
    await assert.rejects(log.ledger.export(join(log.scratch, 'second')), (error) =>
      ledgerError.is(error, 'ledger.damaged'),
    )
    assert.deepEqual((await readdir(log.scratch)).sort(), ['bundle', 'log'])
    await assert.rejects(
      log.ledger.export(join(bundle, 'checkpoint', 'below')),
      (error) => ledgerError.is(error, 'ledger.storage') || ledgerError.is(error, 'ledger.frozen'),
    )
  })
})
