/** `muster agent facts --once`: for hosts without the daemon. The same journal, the same signed statement, sent instead of asked for. */
import { openClient } from '../protocols/call.ts'
import { facts } from '../protocols/facts/protocol.ts'
import { createNode } from '../node/node.ts'
import { openTrustState } from '../node/trust-state.ts'
import type { Clock } from '../shared/clock.ts'
import { defineErrors, MusterError } from '../shared/errors.ts'
import { agentPaths } from '../shared/home.ts'
import { loadKeyFile } from '../shared/identity/key-file.ts'
import type { Logger } from '../shared/logger.ts'
import type { Random } from '../shared/random.ts'
import { checkCertificate } from '../shared/trust/credentials.ts'
import { VERSION } from '../shared/version.ts'
import { askToJoin } from './enrol.ts'
import { collect } from './facts/collect.ts'
import { openJournal } from './facts/journal.ts'
import { createReport } from './facts/report.ts'
import { readAgentIdentity } from './identity.ts'

export const factsOnceError = defineErrors({
  'facts.not-a-member': {
    exit: 'denied',
    message: (d: { name: string }) => `${d.name} waits for an operator's approval`,
    hint: () => 'on the coordinator: muster enroll list',
  },
})

/** @returns what became of it at the coordinator, and how many packages this host has */
export async function sendFactsOnce(
  deps: { clock: Clock; random: Random; log: Logger },
  options: { home: string; signal: AbortSignal },
): Promise<{ result: 'applied' | 'known'; packages: number }> {
  const { home, signal } = options
  const paths = agentPaths(home)
  await using stack = new AsyncDisposableStack()
  const identity = await readAgentIdentity(home)
  const key = await loadKeyFile(paths.nodeKey)
  const trust = await openTrustState(deps, { folder: paths.trust, fleet: identity.fleet, rootDigest: identity.root })
  const journal = await openJournal(deps, { folder: paths.facts })
  stack.defer(() => journal.close())
  const set = await collect({ log: deps.log }, {}, signal)
  const report = createReport(
    { journal, key, ...deps, collect: async () => set, publish: async () => undefined },
    { fleet: identity.fleet, agent: identity.id },
  )
  await report.look(signal)

  const node = await createNode(deps, {
    key,
    listen: [],
    fleet: identity.fleet,
    version: VERSION,
    credentials: {
      own: () => trust.certificate(),
      check: (other) =>
        checkCertificate(other, { root: trust.root().root, revocations: trust.revocations().accepted, at: deps.clock.now() }),
    },
  })
  stack.defer(() => node.close())
  let failure: unknown
  for (const address of identity.coordinators) {
    try {
      const peer = await node.dial(address, signal)
      const enrolled = await askToJoin(
        { clock: deps.clock, open: (protocolId) => node.open(peer.id, protocolId, signal) },
        { identity, claims: {}, signal },
      )
      if (enrolled.certificate === undefined) throw factsOnceError('facts.not-a-member', { name: identity.name })
      await trust.keepCertificate(enrolled.certificate)
      await node.reintroduce()
      const client = openClient(facts, await node.open(peer.id, facts.id, signal), deps)
      return { result: await push(client, report, journal, signal), packages: set.packages.length }
    } catch (error) {
      if (!(error instanceof MusterError) || error.exit !== 'unreachable') throw error
      failure = error
    }
  }
  throw failure
}

/** Sends the newest state; where the coordinator says what it holds instead, sends what follows that. */
async function push(
  client: ReturnType<typeof openClient<typeof facts>>,
  report: ReturnType<typeof createReport>,
  journal: Awaited<ReturnType<typeof openJournal>>,
  signal: AbortSignal,
): Promise<'applied' | 'known'> {
  const full = journal.full()
  if (full === undefined) return 'known'
  const { signed, payload } = await report.sign(full)
  const answer = await client.call('push', { update: signed }, { signal, upload: once(payload) })
  await client.close()
  return answer.result === 'known' ? 'known' : 'applied'
}

/** One data frame holds at most this. */
const PIECE_BYTES = 256 * 1024

async function* once(bytes: Uint8Array | undefined): AsyncIterable<Uint8Array> {
  for (let at = 0; bytes !== undefined && at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
