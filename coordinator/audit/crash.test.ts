import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { outcomeStatement } from '../../fixtures/audit/fleet.ts'
import { testLog } from './testing.ts'

const program = fileURLToPath(new URL('./testing/act-until-killed.ts', import.meta.url))
/** Larger than the number of places in one operation at which the program can kill itself. */
const MAX_PLACES = 60

it('AL-01: an operation killed at any place has one outcome and at most one effect', async () => {
  await using log = await testLog('sqlite', 1)
  await log.ledger.checkpoint()
  const effects = join(log.scratch, 'effects')
  await mkdir(effects)
  // The program is started about 24 times and compiled once.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(log.scratch, 'compiled') }
  let place = 0
  for (let died = true; died; ) {
    place += 1
    assert.ok(place < MAX_PLACES)
    await log.database.close()
    const child = spawnSync(
      process.execPath,
      [program, log.url, log.folder, effects, String(place)],
      { stdio: 'inherit', env },
    )
    died = child.signal === 'SIGKILL'
    assert.ok(died || child.status === 0, `place ${place}: ${child.status} ${child.signal}`)
    // The next start finds a sound log. It closes each open operation after it checks whether the
    // effect exists.
    const ledger = await log.reopen()
    assert.equal(ledger.frozen(), undefined, `place ${place}`)
    for (const open of await ledger.openIntents()) {
      const outcome = await outcomeStatement(place)
      assert.equal(open.operation, outcome.operation)
      await log.database.transaction(async (tx) => {
        await ledger.append(tx, outcome)
        await ledger.closeIntent(tx, open.operation)
      })
    }
    await ledger.checkpoint()
  }
  const { ledger } = log
  assert.deepEqual((await ledger.verify()).findings, [])
  const outcomes = new Map<string, number>()
  for await (const { entry } of ledger.entries(1)) {
    const id = entry.operation as string
    if (entry.type === 'intent') assert.equal(outcomes.has(id), false)
    outcomes.set(id, (outcomes.get(id) ?? 0) + (entry.type === 'outcome' ? 1 : 0))
  }
  assert.ok([...outcomes.values()].every((count) => count === 1))
  // An effect without an intent must not exist.
  for (const effect of await readdir(effects)) assert.ok(outcomes.has(effect))
  assert.ok(
    outcomes.size > 8 && outcomes.size < place && place > 14,
    `${outcomes.size} of ${place}`,
  )
  assert.equal(existsSync(join(log.folder, 'checkpoint')), true)
})
