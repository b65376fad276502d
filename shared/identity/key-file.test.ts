/** Tests how key files are read and written. */
import assert from 'node:assert/strict'
import { chmod, link, mkdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { systemClock } from '../clock.ts'
import { systemRandom } from '../random.ts'
import { runTool, tempFolder } from '../testing/openssh.ts'
import { loadKeyFile, permissionFault, saveKeyFile } from './key-file.ts'
import { generateKey } from './signer.ts'

const deps = { random: systemRandom }
const key = generateKey(deps, { comment: 'node' })

test('a saved key is mode 0600, loads again, and is never replaced', async () => {
  await using folder = await tempFolder()
  const path = folder.file('node-key')
  await saveKeyFile(deps, path, key)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual((await loadKeyFile(path)).seed, key.seed)
  const before = await readFile(path)
  await assert.rejects(saveKeyFile(deps, path, generateKey(deps)), { code: 'identity.key-exists' })
  assert.deepEqual(await readFile(path), before)
})

test('asks for the passphrase only if a file is encrypted', async () => {
  await using folder = await tempFolder()
  const [plain, sealed] = [folder.file('plain'), folder.file('sealed')]
  await saveKeyFile(deps, plain, key)
  await saveKeyFile(deps, sealed, key, { passphrase: 'pw' })
  let asked = 0
  const passphrase = async (): Promise<string> => {
    asked += 1
    return 'pw'
  }
  await loadKeyFile(plain, { passphrase })
  assert.equal(asked, 0)
  assert.deepEqual((await loadKeyFile(sealed, { passphrase })).seed, key.seed)
  assert.equal(asked, 1)
  await assert.rejects(loadKeyFile(sealed), { code: 'identity.encrypted', exit: 'denied' })
})

test('ID-17: rejects a private key that other users may read or write', async () => {
  await using folder = await tempFolder()
  const path = folder.file('k')
  await saveKeyFile(deps, path, key)
  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o620, 0o601]) {
    await chmod(path, mode)
    await assert.rejects(loadKeyFile(path), {
      code: 'identity.key-file',
      message: /gives other users access/,
      hint: `chmod 600 ${path}`,
    })
  }
  await chmod(path, 0o400)
  await loadKeyFile(path)
})

test('ID-17: rejects a private key of another user, but not of root', () => {
  assert.match(permissionFault({ uid: 1001, mode: 0o100600 }, 1000) ?? '', /belongs to user 1001/)
  assert.equal(permissionFault({ uid: 1000, mode: 0o100600 }, 1000), undefined)
  assert.equal(permissionFault({ uid: 0, mode: 0o100600 }, 1000), undefined)
})

test('ID-17: rejects links, pipes, devices, folders and big files at once', async () => {
  await using folder = await tempFolder()
  const start = systemClock.monotonic()
  await saveKeyFile(deps, folder.file('k'), key)
  await symlink(folder.file('k'), folder.file('symbolic'))
  await link(folder.file('k'), folder.file('hard'))
  await mkdir(folder.file('folder'), { mode: 0o700 })
  assert.equal((await runTool('mkfifo', ['-m', '600', folder.file('pipe')])).code, 0)
  await writeFile(folder.file('big'), '', { mode: 0o600 })
  await truncate(folder.file('big'), 10 * 2 ** 30)
  await loadKeyFile(folder.file('hard'))
  for (const [path, reason] of [
    [folder.file('symbolic'), /symbolic link/],
    [folder.file('folder'), /not a regular file/],
    [folder.file('pipe'), /not a regular file/],
    ['/dev/zero', /not a regular file/],
    [folder.file('big'), /more than 65536/],
  ] as const)
    await assert.rejects(loadKeyFile(path), { code: 'identity.key-file', message: reason })
  assert.ok(systemClock.monotonic() - start < 5000)
})

test('a missing key file is reported as missing', async () => {
  await using folder = await tempFolder()
  await assert.rejects(loadKeyFile(folder.file('none')), {
    code: 'identity.key-file-missing',
    exit: 'notFound',
  })
  await assert.rejects(loadKeyFile(folder.file('none/none')), { code: 'identity.key-file-missing' })
  await assert.rejects(saveKeyFile(deps, folder.file('none/none'), key), {
    code: 'identity.key-unwritable',
  })
})
