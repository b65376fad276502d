import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { hasEnded, ownProcess, PROCESS_NAME } from './process-owner.ts'

const MODULE = new URL('./process-owner.ts', import.meta.url).href

test('reports that a process ended, and makes no claim about other machines', async () => {
  const own = ownProcess() as string
  assert.match(own, new RegExp(`^${PROCESS_NAME}$`))
  assert.equal(hasEnded(own), false)
  const program = `const { ownProcess } = await import(${JSON.stringify(MODULE)})
console.log(ownProcess())
process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  const name = text.toString().trim()
  assert.equal(hasEnded(name), false)
  child.stdin.end()
  await once(child, 'exit')
  assert.equal(hasEnded(name), true)
  const [boot, namespace, pid, start] = own.split('.')
  assert.equal(hasEnded(`${boot}.${namespace}.${pid}.${Number(start) + 1}`), true, 'pid reused')
  assert.equal(hasEnded(`00000000.${namespace}.${pid}.${start}`), undefined, 'another machine')
  assert.equal(hasEnded(`${boot}.1.${pid}.${start}`), undefined, 'another container')
})
