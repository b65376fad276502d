import assert from 'node:assert/strict'
import test from 'node:test'
import { agentId } from '../../shared/ids.ts'
import { testKey, testUuid } from '../../shared/testing/statements.ts'
import { testDatabase } from '../database/testing.ts'
import { createAgents } from './agents.ts'

test('ID-11: too many pending strangers block other strangers, but no invited host', async () => {
  await using opened = await testDatabase('sqlite')
  const { database } = opened
  const agents = createAgents({ database })
  const candidate = (n: number) => ({
    id: agentId.parse(testUuid(n)),
    name: `host-${n}`,
    peerId: `peer-${n}`,
    publicKey: testKey(1).publicKey,
    claims: {},
    version: '0',
  })
  await database.transaction(async (tx) => {
    for (let n = 1; n <= 1000; n++) await agents.admit(tx, candidate(n), 1)
  })
  const admit = (n: number, options?: { invited: boolean }) =>
    database.transaction((tx) => agents.admit(tx, candidate(n), 1, options))
  await assert.rejects(admit(1001), { code: 'registry.too-many-pending' })
  assert.equal((await admit(1002, { invited: true })).status, 'pending')
})
