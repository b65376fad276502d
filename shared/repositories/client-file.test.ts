import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientFileText } from './client-file.ts'

const repository = { id: 'epel9', type: 'rpm', url: 'http://127.0.0.1:8481/x/', key: null }

test('client file: dnf gets the address, and checks signatures if there is a key', () => {
  const lines = ['[muster-epel9]', 'name=epel9 (Muster)', `baseurl=${repository.url}`, 'enabled=1']
  assert.deepEqual(clientFileText(repository)?.split('\n'), [...lines, 'gpgcheck=0', ''])
  assert.deepEqual(clientFileText({ ...repository, key: 'a key' })?.split('\n'), [
    ...lines,
    'gpgcheck=1',
    `gpgkey=${repository.url}a%20key`,
    '',
  ])
})

test('client file: an unknown type of repository has none', () => {
  assert.equal(clientFileText({ ...repository, type: 'other' }), undefined)
})
