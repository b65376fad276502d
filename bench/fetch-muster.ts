/**
 * Runs Muster's pair for B1 and B2. A coordinator's node serves its pool. An agent's node fetches
 * into its pool, verifies the content, and stores it durably with its hash tree (outboard).
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { blobs } from '../protocols/blobs/protocol.ts'
import { serveProtocol } from '../protocols/rpc/serve.ts'
import { type MusterNode, createNode } from '../node/node.ts'
import { createNodePolicy } from '../node/membership/policy.ts'
import { fetchBlob } from '../node/transfer/fetch.ts'
import { blobHandlers } from '../node/transfer/serve.ts'
import { type Pool, openPool } from '../shared/blobs/pool.ts'
import { rfc3339, systemClock } from '../shared/clock.ts'
import { generateKey, keyFromSeed } from '../shared/identity/signer.ts'
import { blobId, fleetId } from '../shared/ids.ts'
import { createLogger } from '../shared/logger.ts'
import { systemRandom } from '../shared/random.ts'
import { createRedactor } from '../shared/redact.ts'
import { checkCertificate } from '../shared/trust/credentials.ts'
import { openRoot } from '../shared/trust/root-chain.ts'
import { signStatement } from '../shared/trust/signed.ts'

interface Argument {
  readonly content: string
  readonly folder: string
}
interface Ticket {
  readonly peer: string
  readonly address: string
  readonly id: string
  readonly size: number
}

const deps = {
  clock: systemClock,
  random: systemRandom,
  log: createLogger(
    { clock: systemClock, redactor: createRedactor() },
    { level: 'error', format: 'json' },
  ),
}
/** Both processes belong to one fleet, because its keys come from fixed seeds. */
const FLEET = fleetId.parse('b1'.repeat(16))
const operator = keyFromSeed(new Uint8Array(32).fill(1))
const issuer = keyFromSeed(new Uint8Array(32).fill(2))

let node: MusterNode | undefined
let pool: Pool | undefined

export async function provide(argument: unknown): Promise<Ticket> {
  const { content, folder } = argument as Argument
  // The node exists before content is ingested, like in a coordinator.
  const provider = await createMember('provider', ['/ip4/127.0.0.1/tcp/0'])
  const source = await openPool(deps, { folder: join(folder, 'muster-source') })
  const { id, size } = await source.ingestFile(content, { maxBytes: Number.MAX_SAFE_INTEGER })
  await provider.handle(
    blobs,
    serveProtocol(blobs, blobHandlers(source), { ...deps, policy: createNodePolicy() }),
  )
  return { peer: provider.peerId, address: provider.addresses()[0] as string, id, size }
}

export async function reset(argument: unknown): Promise<void> {
  const folder = join((argument as Argument).folder, 'muster-target')
  await rm(folder, { recursive: true, force: true })
  pool = await openPool(deps, { folder })
  node ??= await createMember('fetcher', [])
}

export async function fetch(ticket: unknown): Promise<void> {
  const { peer, address, id, size } = ticket as Ticket
  if (node === undefined || pool === undefined) throw new Error('reset comes first')
  const signal = new AbortController().signal
  const find = async (): Promise<{ providers: [] }> => ({ providers: [] })
  const fetched = await fetchBlob({ ...deps, node, pool, find }, blobId.parse(id), {
    size,
    providers: [{ peer, addresses: [address] }],
    signal,
  })
  if (fetched.size !== size) throw new Error(`expected ${size} bytes, got ${fetched.size}`)
}

/** Creates a node with a certificate, like every node of a fleet. */
async function createMember(name: string, listen: string[]): Promise<MusterNode> {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const key = generateKey(deps)
  const statement = {
    fleet: FLEET,
    version: 1,
    threshold: 1,
    operators: [{ key: base64(operator.publicKey), name: 'operator' }],
    issuers: [{ key: base64(issuer.publicKey), name: 'issuer' }],
    previous: null,
  }
  const { root } = openRoot([await signStatement(operator, 'root', statement)])
  const now = deps.clock.now()
  const certificate = await signStatement(issuer, 'certificate', {
    fleet: FLEET,
    serial: name,
    subject: base64(key.publicKey),
    role: 'coordinator',
    agent: null,
    name,
    labels: {},
    epoch: 1,
    notBefore: rfc3339(now),
    notAfter: rfc3339(now + 3_600_000),
  })
  const credentials = {
    own: () => certificate,
    check: (signed: typeof certificate) =>
      checkCertificate(signed, { root, revocations: [], at: deps.clock.now() }),
  }
  return createNode(deps, { key, listen, fleet: FLEET, credentials, version: 'bench' })
}
