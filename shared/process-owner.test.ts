import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { hasEnded, ownProcess, PROCESS_NAME } from './process-owner.ts'

const MODULE = new URL('./process-owner.ts', import.meta.url).href

test('reports whether a process ended; for another machine this is unknown', async () => {
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

const HIDING = 'mount -t proc -o hidepid=2 proc /proc'
const mayHide =
  process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'sh', '-c', HIDING]).status === 0

test("another user's process that /proc hides does not count as ended", {
  skip: !mayHide && 'needs root and the right to mount /proc',
}, async () => {
  const own = ownProcess() as string
  const gone = spawnSync('true')
  const [boot, namespace, , start] = own.split('.')
  const ended = [boot, namespace, gone.pid, start].join('.')
  const program = `const { hasEnded, ownProcess } = await import(${JSON.stringify(MODULE)})
const fs = await import('node:fs')
process.setgroups([]); process.setgid(65534); process.setuid(65534)
console.log(JSON.stringify({
  hidden: !fs.existsSync('/proc/${process.pid}'),
  names: ${JSON.stringify([own, ended])}.map((name) => hasEnded(name) ?? 'unknown'),
  own: hasEnded(ownProcess()),
}))`
  const script = `${HIDING} && exec "$0" --input-type=module -e "$1"`
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', script, process.execPath, program],
    { encoding: 'utf8' },
  )
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), { hidden: true, names: ['unknown', true], own: false })
})
