/** Tests the sources of an operator's key, their order, and the errors if there is no key. */
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { systemClock } from '../clock.ts'
import { systemRandom } from '../random.ts'
import { startSshAgent, type TempFolder, tempFolder } from '../testing/openssh.ts'
import { saveKeyFile } from './key-file.ts'
import { openOperator } from './operator.ts'
import { formatPublicKeyLine } from './public-key.ts'
import { generateKey, type NodeKey } from './signer.ts'

const deps = { clock: systemClock, random: systemRandom }

async function makeFile(
  folder: TempFolder,
  name: string,
  passphrase?: string,
): Promise<{ path: string; key: NodeKey }> {
  const key = generateKey(deps, { comment: name })
  const path = folder.file(name)
  await mkdir(folder.file('.ssh'), { recursive: true })
  await saveKeyFile(deps, path, key, passphrase === undefined ? {} : { passphrase })
  await writeFile(`${path}.pub`, `${formatPublicKeyLine(key.publicKey, name)}\n`)
  return { path, key }
}

const neverAsk = async (): Promise<string> => assert.fail('no passphrase is needed')

describe('the operator key', () => {
  test('looks in --identity, MUSTER_IDENTITY, the agent, ~/.ssh/id_ed25519', async () => {
    await using folder = await tempFolder()
    const [named, env, held, home] = await Promise.all(
      ['named', 'env', 'held', '.ssh/id_ed25519'].map((name) => makeFile(folder, name)),
    )
    assert.ok(named && env && held && home)
    await using agent = await startSshAgent(folder.file('agent'))
    await agent.add(held.path)
    const all = { MUSTER_IDENTITY: env.path, SSH_AUTH_SOCK: agent.socket, HOME: folder.path }
    const open = async (options: Parameters<typeof openOperator>[1]): Promise<string> =>
      (await openOperator(deps, options)).fingerprint
    assert.equal(await open({ identity: named.path, env: all }), named.key.fingerprint)
    assert.equal(await open({ env: all }), env.key.fingerprint)
    assert.equal(await open({ env: { ...all, MUSTER_IDENTITY: '~/named' } }), named.key.fingerprint)
    assert.equal(await open({ env: { ...all, MUSTER_IDENTITY: undefined } }), held.key.fingerprint)
    assert.equal(await open({ env: { HOME: folder.path } }), home.key.fingerprint)
    assert.equal(
      await open({ env: { HOME: folder.path, SSH_AUTH_SOCK: '', MUSTER_IDENTITY: '' } }),
      home.key.fingerprint,
    )
  })

  test('a .pub file selects a key in the agent; an absent key is reported', async () => {
    await using folder = await tempFolder()
    const [held, absent] = [await makeFile(folder, 'held'), await makeFile(folder, 'absent')]
    await using agent = await startSshAgent(folder.file('agent'))
    await agent.add(held.path)
    const env = { SSH_AUTH_SOCK: agent.socket }
    const signer = await openOperator(deps, { identity: `${held.path}.pub`, env })
    assert.equal(signer.fingerprint, held.key.fingerprint)
    assert.equal((await signer.sign(Buffer.from('x'))).length, 64)
    await assert.rejects(openOperator(deps, { identity: `${absent.path}.pub`, env }), {
      code: 'identity.agent-key',
      exit: 'notFound',
    })
    await assert.rejects(openOperator(deps, { identity: `${held.path}.pub`, env: {} }), {
      code: 'identity.agent-key',
      message: /SSH_AUTH_SOCK is not set/,
    })
  })

  test('asks for a passphrase only if no agent has the key', async () => {
    await using folder = await tempFolder()
    const plain = await makeFile(folder, 'k')
    const sealed = { path: folder.file('sealed') }
    await saveKeyFile(deps, sealed.path, plain.key, { passphrase: 'pw' })
    await using agent = await startSshAgent(folder.file('agent'))
    await agent.add(plain.path)
    const held = await openOperator(deps, {
      identity: sealed.path,
      env: { SSH_AUTH_SOCK: agent.socket },
      passphrase: neverAsk,
    })
    assert.equal(held.fingerprint, plain.key.fingerprint)
    for (const env of [{}, { SSH_AUTH_SOCK: folder.file('no-agent') }]) {
      assert.equal(
        (await openOperator(deps, { identity: sealed.path, env, passphrase: async () => 'pw' }))
          .fingerprint,
        plain.key.fingerprint,
      )
      await assert.rejects(openOperator(deps, { identity: sealed.path, env }), {
        code: 'identity.encrypted',
        exit: 'denied',
      })
    }
    await assert.rejects(
      openOperator(deps, { identity: sealed.path, env: {}, passphrase: async () => 'no' }),
      {
        code: 'identity.passphrase',
        exit: 'denied',
      },
    )
  })

  test('selects the key of ~/.ssh/id_ed25519.pub, else requires a choice', async () => {
    await using folder = await tempFolder()
    const [one, home] = [await makeFile(folder, 'one'), await makeFile(folder, '.ssh/id_ed25519')]
    await using agent = await startSshAgent(folder.file('agent'))
    await agent.add(one.path)
    await agent.add(home.path)
    const env = { SSH_AUTH_SOCK: agent.socket, HOME: folder.path }
    assert.equal((await openOperator(deps, { env })).fingerprint, home.key.fingerprint)
    await rm(`${home.path}.pub`)
    await assert.rejects(openOperator(deps, { env }), {
      code: 'identity.ambiguous',
      message: new RegExp('has 2 ed25519 keys'),
      exit: 'usage',
    })
  })

  test('without any key the error lists the places searched', async () => {
    await using folder = await tempFolder()
    await using agent = await startSshAgent(folder.file('agent'))
    await assert.rejects(
      openOperator(deps, { env: { SSH_AUTH_SOCK: agent.socket, HOME: folder.path } }),
      {
        code: 'identity.none',
        exit: 'denied',
        message: /ssh-agent at .* \(no ed25519 key\), .*\/\.ssh\/id_ed25519$/,
      },
    )
    await assert.rejects(openOperator(deps, { env: {} }), { code: 'identity.none' })
    await assert.rejects(openOperator(deps, { identity: folder.file('absent'), env: {} }), {
      code: 'identity.key-file-missing',
    })
  })
})
