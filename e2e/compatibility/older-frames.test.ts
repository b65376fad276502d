/** Today's coordinator accepts the bytes that an older agent sent. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { becomeMember } from '../../agent/membership/admission.ts'
import { createAgentCredentials } from '../../agent/membership/agent-credentials.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import { createNode } from '../../node/node.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { agentPaths } from '../../shared/home.ts'
import { loadKeyFile } from '../../shared/identity/key-file.ts'
import { silentLogger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'
import { type OlderHomes, openOlderHomes } from './older-homes.ts'

/** A stream to the coordinator, opened with the key and the certificate of a host. */
async function openStream(
  homes: OlderHomes,
  options: { readonly host: string; readonly address: string; readonly protocol: string },
  stack: AsyncDisposableStack,
): Promise<Duplex> {
  const paths = agentPaths(homes.path(options.host))
  const identity = await readAgentIdentity(paths.folder)
  const deps = { clock: homes.clock, random: systemRandom, log: silentLogger }
  const trust = await openTrustState(deps, {
    folder: paths.trust,
    fleet: identity.fleet,
    rootDigest: identity.root,
  })
  const node = await createNode(deps, {
    key: await loadKeyFile(paths.nodeKey),
    listen: [],
    fleet: identity.fleet,
    version: '0.1.0',
    credentials: createAgentCredentials({ ...deps, trust }),
  })
  stack.defer(() => node.close())
  const signal = homes.clock.timeout(60_000)
  const member = { identity, claims: {}, address: options.address }
  const coordinator = await becomeMember({ node, trust, ...deps }, member, signal)
  assert.ok(coordinator !== undefined, `${options.host} is a member`)
  return node.open(coordinator, options.protocol, signal)
}

test('older homes: facts as an older agent sent them are accepted and shown', {
  timeout: 240_000,
}, async () => {
  await using homes = await openOlderHomes()
  await using stack = new AsyncDisposableStack()
  const { ready } = await homes.coordinator()
  const before = await homes.ok(['package', 'find', 'openssl'])
  assert.match(before, /3\.0\.14-1~deb12u1/)
  // The signed statement, an unsigned collection beside it, and the package set.
  const sent = await readFile(homes.path('frames', 'push'))
  assert.ok(!sent.includes('muster/collection/v1'))
  const stream = await openStream(
    homes,
    { host: 'web-1', address: ready[1] as string, protocol: facts.id },
    stack,
  )
  await stream.write(sent)
  await stream.close()
  const received: Uint8Array[] = []
  for await (const chunk of stream.source) received.push(chunk.slice())
  assert.match(Buffer.concat(received).toString('latin1'), /result.applied/)

  assert.match(await homes.ok(['package', 'find', 'openssl']), /3\.0\.15-1~deb12u1/)
  const shown = (await homes.today('agent show web-1')) as { facts: object }
  assert.partialDeepStrictEqual(shown.facts, {
    problems: [],
    managers: [{ name: 'dpkg', state: 'read', packages: 2 }],
  })
  const history = (await homes.today('facts history web-1')) as { name: string; to: string }[]
  assert.deepEqual(history.map(({ name, to }) => `${name} ${to}`).sort(), [
    'openssl 3.0.14-1~deb12u1',
    'openssl 3.0.15-1~deb12u1',
  ])
})
