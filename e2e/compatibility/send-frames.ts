/**
 * A program for tests: connects to a coordinator with the key and the certificate of a host, sends
 * the bytes of standard input on a stream of a protocol, and prints the response.
 *
 * usage: node send-frames.ts HOME ADDRESS PROTOCOL
 */
import { buffer } from 'node:stream/consumers'
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { becomeMember } from '../../agent/membership/admission.ts'
import { createAgentCredentials } from '../../agent/membership/agent-credentials.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import { createNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { agentPaths } from '../../shared/home.ts'
import { loadKeyFile } from '../../shared/identity/key-file.ts'
import { silentLogger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'

const [home = '', address = '', protocol = ''] = process.argv.slice(2)
const deps = { clock: systemClock, random: systemRandom, log: silentLogger }
const signal = systemClock.timeout(60_000)
const paths = agentPaths(home)
const identity = await readAgentIdentity(home)
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
try {
  const member = { identity, claims: {}, address }
  const coordinator = await becomeMember({ node, trust, ...deps }, member, signal)
  if (coordinator === undefined) throw new Error(`${identity.name} waits for approval`)
  const stream = await node.open(coordinator, protocol, signal)
  await stream.write(await buffer(process.stdin))
  await stream.close()
  for await (const chunk of stream.source) process.stdout.write(chunk.slice())
} finally {
  await node.close()
}
