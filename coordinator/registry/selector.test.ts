/** Selectors select exact hosts, or fail with the reason. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { agentId } from '../../shared/ids.ts'
import { registryError } from './errors.ts'
import { selectHost, selectHosts } from './selector.ts'

const host = (digit: string, name: string, labels: Record<string, string>) => ({
  id: agentId.parse(`${digit.repeat(8)}-0000-4000-8000-000000000000`),
  name,
  fingerprint: `SHA256:${digit.repeat(43)}`,
  labels,
})
const web1 = host('1', 'web-1', { role: 'web', site: 'ber' })
const web2 = host('2', 'web-2', { role: 'web', site: 'muc' })
const db = host('3', 'db', { role: 'db', site: 'ber' })
const agents = [web1, web2, db]

test('a host is found by name, id, fingerprint and unique prefix', () => {
  for (const text of ['web-1', web1.id, web1.fingerprint, '11111'])
    assert.equal(selectHost(agents, text), web1)
  assert.equal(
    selectHost([...agents, host('4', 'db-2', {})], 'db'),
    db,
    'an exact name is preferred to a longer one',
  )
})

test('a host is found by the end of its id, because that part is random', () => {
  const early = '01990000-1111-7000-8000'
  const one = { ...web1, id: agentId.parse(`${early}-00000000aaaa`) }
  const two = { ...web2, id: agentId.parse(`${early}-00000000bbbb`) }
  assert.equal(selectHost([one, two], '0000bbbb'), two)
  assert.throws(
    () => selectHost([one, two], '01990000'),
    (error) => registryError.is(error, 'registry.ambiguous-host'),
  )
})

test('an ambiguous prefix lists candidates and an unknown host is not found', () => {
  assert.throws(
    () => selectHost(agents, 'web-'),
    (error) =>
      registryError.is(error, 'registry.ambiguous-host') && /web-1, web-2/.test(error.message),
  )
  for (const text of ['nope', '', 'w'])
    assert.throws(
      () => selectHost(agents, text),
      (error) => registryError.is(error, 'registry.unknown-host'),
    )
})

test('a name that an earlier version accepted never hides the id of another host', () => {
  const shadow = host('4', web1.id.slice(0, 8), {})
  const twin = host('5', web2.id, {})
  const hosts = [...agents, shadow, twin]
  for (const text of [web1.id.slice(0, 8), web2.id])
    assert.throws(
      () => selectHost(hosts, text),
      (error) => registryError.is(error, 'registry.ambiguous-host'),
      text,
    )
  assert.equal(selectHost(hosts, web1.id), web1)
  assert.equal(selectHost(hosts, 'web-2'), web2)
  assert.deepEqual(selectHosts([...agents, host('6', 'all', {})], ['all']).length, 4)
})

test('fewer than four characters of an id select no host', () => {
  for (const text of ['11', '111'])
    assert.throws(
      () => selectHost(agents, text),
      (error) => registryError.is(error, 'registry.unknown-host'),
    )
  assert.equal(selectHost(agents, '1111'), web1)
  const short = host('7', 'a1', {})
  const other = { ...web1, id: agentId.parse('a1111111-0000-4000-8000-000000000000') }
  assert.equal(selectHost([short, other], 'a1'), short)
})

test('all labels must match, selectors are combined, and hosts keep their order', () => {
  assert.deepEqual(selectHosts(agents, ['role=web,site=ber']), [web1])
  assert.deepEqual(selectHosts(agents, ['db', 'role=web']), agents)
  assert.deepEqual(selectHosts(agents, ['all']), agents)
  assert.throws(
    () => selectHosts(agents, ['role=cache']),
    (error) => registryError.is(error, 'registry.unknown-host'),
  )
  for (const bad of ['=web', 'role=web=x', 'a=b,'])
    assert.throws(
      () => selectHosts(agents, [bad]),
      (error) => registryError.is(error, 'registry.bad-selector'),
    )
  assert.throws(
    () => selectHosts(agents, ['__proto__=x']),
    (error) => registryError.is(error, 'registry.unknown-host'),
  )
})
