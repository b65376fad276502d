/**
 * Finds the operator's key. The first of these is used: the named file, MUSTER_IDENTITY, the key in
 * the ssh-agent, ~/.ssh/id_ed25519. An encrypted file whose key is in the agent is never decrypted.
 * This key is never the identity of a node.
 */
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { identityError } from './errors.ts'
import { fingerprintOf } from './fingerprint.ts'
import { readKeyText } from './key-file.ts'
import { parsePrivateKey } from './private-key.ts'
import { parsePublicKeyLine } from './public-key.ts'
import type { Signer } from './signer.ts'
import { listAgentKeys } from './ssh-agent.ts'

export interface OperatorOptions {
  /** A private key file, or a `.pub` file whose private half is in the ssh-agent. */
  readonly identity?: string | undefined
  readonly env: {
    readonly MUSTER_IDENTITY?: string | undefined
    readonly SSH_AUTH_SOCK?: string | undefined
    readonly HOME?: string | undefined
  }
  /** Prompts for a passphrase. Called at most once, and only for an encrypted file. */
  readonly passphrase?: (() => Promise<string>) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * @throws identity.none, identity.ambiguous, identity.agent, identity.agent-key, and the errors of
 * reading a key file
 */
export async function openOperator(
  deps: { clock: Clock },
  options: OperatorOptions,
): Promise<Signer> {
  const { env } = options
  const named = options.identity ?? (env.MUSTER_IDENTITY === '' ? undefined : env.MUSTER_IDENTITY)
  if (named !== undefined) return openFile(deps, expandHome(named, env.HOME), options)
  const looked: string[] = []
  if (hasAgent(env)) {
    const signers = await agentKeys(deps, options)
    if (signers.length > 0) return chooseFromAgent(signers, options)
    looked.push(`ssh-agent at ${env.SSH_AUTH_SOCK} (no ed25519 key)`)
  }
  if (env.HOME !== undefined && env.HOME !== '') {
    const path = defaultFile(env.HOME)
    try {
      return await openFile(deps, path, options)
    } catch (error) {
      if (!identityError.is(error, 'identity.key-file-missing')) throw error
      looked.push(path)
    }
  }
  throw identityError('identity.none', {
    looked: looked.length > 0 ? looked : ['nothing: neither SSH_AUTH_SOCK nor HOME is set'],
  })
}

const hasAgent = (env: OperatorOptions['env']): boolean =>
  env.SSH_AUTH_SOCK !== undefined && env.SSH_AUTH_SOCK !== ''
const defaultFile = (home: string): string => join(home, '.ssh', 'id_ed25519')

/**
 * Expands `~/…`, which the shell doesn't expand in an environment variable or a configuration file.
 */
function expandHome(path: string, home: string | undefined): string {
  return path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path
}

async function openFile(
  deps: { clock: Clock },
  path: string,
  options: OperatorOptions,
): Promise<Signer> {
  if (path.endsWith('.pub')) {
    const { publicKey } = parsePublicKeyLine(
      await readKeyText(path, { secret: false }, options.signal),
      path,
    )
    const held = await findInAgent(deps, publicKey, options)
    if (held !== undefined) return held
    throw identityError('identity.agent-key', {
      fingerprint: fingerprintOf(publicKey),
      where: hasAgent(options.env)
        ? `in the ssh-agent at ${options.env.SSH_AUTH_SOCK}`
        : 'at hand: SSH_AUTH_SOCK is not set',
    })
  }
  const file = parsePrivateKey(await readKeyText(path, { secret: true }, options.signal), path)
  if (!file.encrypted) return file.unlock()
  const held = await findInAgent(deps, file.publicKey, options).catch((error: unknown) => {
    // If the agent doesn't work, the file can be opened with a passphrase.
    if (identityError.is(error, 'identity.agent')) return undefined
    throw error
  })
  return held ?? file.unlock(await options.passphrase?.())
}

async function agentKeys(
  deps: { clock: Clock },
  options: OperatorOptions,
): Promise<readonly Signer[]> {
  return listAgentKeys(deps, { socket: options.env.SSH_AUTH_SOCK ?? '' }, options.signal)
}

async function findInAgent(
  deps: { clock: Clock },
  publicKey: Uint8Array,
  options: OperatorOptions,
): Promise<Signer | undefined> {
  if (!hasAgent(options.env)) return undefined
  return (await agentKeys(deps, options)).find((signer) =>
    Buffer.from(signer.publicKey).equals(publicKey),
  )
}

/**
 * Returns the only key, or the one that matches the default file's public key. It never guesses
 * among several keys, because a guess could sign with the wrong key.
 */
async function chooseFromAgent(
  signers: readonly Signer[],
  options: OperatorOptions,
): Promise<Signer> {
  const [only] = signers
  if (only !== undefined && signers.length === 1) return only
  const { HOME } = options.env
  if (HOME !== undefined && HOME !== '') {
    try {
      const path = `${defaultFile(HOME)}.pub`
      const { publicKey } = parsePublicKeyLine(
        await readKeyText(path, { secret: false }, options.signal),
        path,
      )
      const match = signers.find((signer) => Buffer.from(signer.publicKey).equals(publicKey))
      if (match !== undefined) return match
    } catch (error) {
      if (!identityError.is(error)) throw error
    }
  }
  throw identityError('identity.ambiguous', {
    fingerprints: signers.map((signer) => signer.fingerprint),
  })
}
