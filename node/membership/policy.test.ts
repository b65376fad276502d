/** Tests which callers may call which methods, for every kind of capability and caller. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Capability, Role } from '../../protocols/capability.ts'
import type { Ask, DuplexPeer, Member, Policy } from '../../protocols/rpc/peer.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import { TEST_AGENT, testKey } from '../../shared/testing/statements.ts'
import { createNodePolicy } from './policy.ts'

const ask: Ask = { protocol: '/muster/x/1', method: 'x', targets: undefined }
const member = (role: Role): Member => ({
  role,
  name: role,
  agent: TEST_AGENT,
  labels: {},
  epoch: 1,
  notAfter: Number.MAX_SAFE_INTEGER,
})
const peer = (changes: Partial<DuplexPeer>): DuplexPeer => ({
  transport: 'libp2p',
  peerId: '12D3KooWpeer',
  address: 'there',
  member: undefined,
  session: undefined,
  ...changes,
})
const session = { operator: fingerprintOf(testKey(1).publicKey), notAfter: Number.MAX_SAFE_INTEGER }

const callers = {
  stranger: peer({}),
  agent: peer({ member: member('agent') }),
  coordinator: peer({ member: member('coordinator') }),
  operator: peer({ session }),
  local: peer({ transport: 'unix', peerId: undefined }),
}
const capabilities: Readonly<Record<string, Capability>> = {
  stranger: { kind: 'stranger', why: 'for tests' },
  'member agent': { kind: 'member', roles: ['agent'] },
  'member coordinator or observer': { kind: 'member', roles: ['coordinator', 'observer'] },
  local: { kind: 'local' },
  operator: { kind: 'operator', namespace: 'run', level: 'observe', scope: 'fleet' },
  intent: { kind: 'intent' },
}

/** Returns the callers that a capability allows, with the kind of peer that the policy found. */
async function admitted(policy: Policy): Promise<Record<string, string[]>> {
  const table: Record<string, string[]> = {}
  for (const [name, capability] of Object.entries(capabilities)) {
    const row: string[] = []
    for (const [who, caller] of Object.entries(callers)) {
      const taken = await policy.allow(capability, caller, ask).catch((error: unknown) => {
        assert.equal((error as { code?: string }).code, 'protocol.denied', `${name} ${who}`)
        return undefined
      })
      if (taken !== undefined) row.push(`${who} as ${taken.kind}`)
    }
    table[name] = row
  }
  return table
}

test("node policy: checks the role, the unix socket, or the operators' policy", async () => {
  const without = await admitted(createNodePolicy())
  assert.deepEqual(without, {
    stranger: [
      'stranger as stranger',
      'agent as member',
      'coordinator as member',
      'operator as stranger',
      'local as stranger',
    ],
    'member agent': ['agent as member'],
    'member coordinator or observer': ['coordinator as member'],
    local: ['local as local'],
    operator: [],
    intent: [],
  })
  const asked: string[] = []
  const operators: Policy = {
    allow: async (capability, { session: own }) => {
      asked.push(capability.kind)
      return { kind: 'operator', name: 'olive', operator: own?.operator ?? session.operator }
    },
  }
  const everybody = Object.keys(callers).map((who) => `${who} as operator`)
  assert.deepEqual(await admitted(createNodePolicy({ operators })), {
    ...without,
    operator: everybody,
    intent: everybody,
  })
  assert.deepEqual(new Set(asked), new Set(['operator', 'intent']))
})
