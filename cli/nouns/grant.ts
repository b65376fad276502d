/** Signs a grant of a right to a key, for some hosts and a time. */
import { defined } from '../../shared/defined.ts'
import { readFile, stat } from 'node:fs/promises'
import { labelsOf } from '../../coordinator/registry/selector.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import { parsePublicKeyLine } from '../../shared/identity/public-key.ts'
import { agentId, type Fingerprint, fingerprint } from '../../shared/ids.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { defineErrors, MusterError } from '../../shared/errors.ts'
import { type Grant, namespaceField, type Selector } from '../../shared/trust/grant.ts'
import { readSigned, signStatement } from '../../shared/trust/signed.ts'
import { type SignedText, toText } from '../../shared/trust/transport.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import type { Session } from '../session/session.ts'

export const keyArgumentError = defineErrors({
  'key-argument.unreadable': {
    exit: 'usage',
    message: (d: { text: string; reason: string }) =>
      `${d.text} is neither a key fingerprint nor a public key file: ${d.reason}`,
    hint: () => 'pass a .pub file, or the fingerprint SHA256:… that `ssh-keygen -lf` prints',
  },
})

/** Much longer than a public key line, which has about a hundred bytes. */
const MAX_KEY_FILE_BYTES = 16_384

/** Returns the fingerprint of the key in `FILE.pub`, or the fingerprint `SHA256:…` itself. */
export async function readKeyArgument(text: string): Promise<Fingerprint> {
  if (fingerprint.is(text)) return text
  const refuse = (reason: string, cause?: unknown): Error =>
    keyArgumentError('key-argument.unreadable', { text, reason }, { cause })
  try {
    const { size } = await stat(text)
    if (size > MAX_KEY_FILE_BYTES) throw refuse(`it has ${size} bytes`)
    return fingerprintOf(parsePublicKeyLine(await readFile(text, 'utf8'), text).publicKey)
  } catch (error) {
    if (keyArgumentError.is(error)) throw error
    const reason = error instanceof MusterError ? error.message : diskReason(error)
    throw reason === undefined ? error : refuse(reason, error)
  }
}

export interface GrantFlags {
  readonly to: string
  readonly namespace: string
  readonly level: 'observe' | 'control'
  readonly on: readonly string[]
  readonly ttl: number
  readonly depth: number
}

export async function signGrant(
  context: CommandContext<unknown, unknown>,
  session: Session,
  flags: GrantFlags,
): Promise<{ grant: Grant; statement: SignedText & { scheme: 'sshsig' } }> {
  const subject = await readKeyArgument(flags.to)
  const namespace = namespaceField.safeParse(flags.namespace)
  if (!namespace.success)
    throw cliError('cli.usage', {
      reason:
        `--namespace: ${namespace.error.issues[0]?.message}, ` +
        `got ${JSON.stringify(flags.namespace)}`,
      hint: 'pass a namespace such as run or repo/epel9; see `muster grant add --help`',
    })
  const now = context.clock.now()
  const { epoch } = await session.ask('grant.list', {})
  const signed = await signStatement(session.operator, 'grant', {
    fleet: session.fleet,
    id: session.newId(),
    issuer: session.operator.fingerprint,
    subject,
    namespace: flags.namespace,
    level: flags.level,
    selector: await selector(session, flags.on),
    notBefore: rfc3339(now),
    notAfter: rfc3339(now + flags.ttl),
    depth: flags.depth,
    parent: null,
    epoch,
  })
  return { grant: readSigned(signed, 'grant'), statement: { ...toText(signed), scheme: 'sshsig' } }
}

/**
 * Returns the selector for `--on`. Labels stay labels, so the grant also covers later hosts. A
 * grant has one set of labels, and a host must have all of them. So a grant can't contain two sets.
 */
async function selector(session: Session, on: readonly string[]): Promise<Selector> {
  if (on.length === 0 || on.includes('all')) return { all: true }
  const [labels, ...more] = on.filter((text) => text.includes('='))
  if (labels !== undefined && more.length > 0)
    throw cliError('cli.usage', {
      reason: `--on: expected one set of labels, got ${[labels, ...more].join(' and ')}`,
      hint: 'add a grant for each; --on k=v,k=v selects hosts that have both labels',
    })
  const hosts = on.filter((text) => !text.includes('='))
  const agents =
    hosts.length === 0
      ? []
      : (await session.ask('target.resolve', { on: hosts })).agents.map((agent) =>
          agentId.parse(agent.id),
        )
  return defined({
    labels: labels === undefined ? undefined : Object.fromEntries(labelsOf(labels)),
    agents: agents.length > 0 ? agents : undefined,
  })
}
