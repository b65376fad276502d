/** The values of an intent's commitments, with a real runner and a journal on a disk. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { runId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { type Opening, openingsOf } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { call, commandedAgent, probe, readOutcome, assertSame } from '../testing/commanded-agent.ts'
import { runOf, startArguments, startIntent } from '../testing/coordinator-stand-in.ts'
import type { CommandDeps } from '../handlers/command.ts'

const CANARY = 'canary-0a1b2c3d'
const values = (): Opening[] => openingsOf({ random: systemRandom }, { TOKEN: CANARY, LANG: 'C' })
const sealed = (
  n: number,
  openings: readonly Opening[],
  command = ['sh', '-c', 'echo "$TOKEN $LANG"'],
): Promise<Signed> => startIntent(n, { arguments: startArguments(runOf(n), command, openings) })

/** Returns the files below a folder that contain the text. */
async function holding(folder: string, text: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  const found = await Promise.all(
    files.map(async (file) =>
      (await readFile(join(file.parentPath, file.name))).includes(text) ? [file.name] : [],
    ),
  )
  return found.flat()
}

test('AL-13: the program gets its values, and the host does not store them', async (t) => {
  const { client, runner, deliver, folder } = await commandedAgent(t)
  const openings = values()
  const intent = await sealed(1, openings)
  const { outcome } = await client.call('perform', { ...(await deliver(intent)), values: openings })
  assert.equal(readOutcome(outcome, intent).result, 'done')
  await runner.client.wait(runId.parse(runOf(1)))
  assert.equal((await runner.output(runId.parse(runOf(1)))).stdout.toString(), `${CANARY} C\n`)
  assert.deepEqual(await holding(folder, CANARY), [])
  assert.deepEqual(
    (await holding(runner.home, CANARY)).filter((name) => !name.startsWith('stdout')),
    [],
  )
})

test('AL-13: refuses an intent with a wrong value, with the code and the name', async (t) => {
  const { client, runner, deliver, log } = await commandedAgent(t)
  const openings = values()
  const intent = await sealed(1, openings)
  const good = await deliver(intent)
  const { outcome } = await client.call('perform', {
    ...good,
    values: openings.map((one) => ({ ...one, value: `${one.value}!` })),
  })
  const refusal = readOutcome(outcome, intent)
  assert.deepEqual([refusal.result, refusal.detail['code']], ['refused', 'trust.opening'])
  assert.match(
    String(refusal.detail['error']),
    /^the value of the variable TOKEN is rejected: it does not match the signed commitment$/,
  )
  assert.doesNotMatch(Buffer.from(outcome.statement).toString(), /canary/)
  assertSame((await client.call('perform', { ...good, values: openings })).outcome, outcome)
  assert.deepEqual(await runner.client.list(), [])
  assert.ok(log.size > 0)
})

test('AL-13: does not start an intent without its values', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    runner: {
      ...deps.runner,
      start: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, handlers, runner, deliver, again } = await commandedAgent(t)
  const openings = values()
  const done = await sealed(1, openings)
  const request = { ...(await deliver(done)), values: openings }
  const { outcome } = await client.call('perform', request)
  const { values: _gone, ...bare } = request
  for (const answer of [
    await call(handlers, bare),
    await call(await again(), bare),
    await probe(handlers, done),
  ])
    assertSame(answer.outcome, outcome)

  // The agent crashed before the start. The intent is sent again without its values, so the program
  // is not started.
  const [late, resent] = [await sealed(2, openings), await sealed(3, openings)]
  const bareLate = await deliver(late)
  await assert.rejects(call(await again(dying), { ...bareLate, values: openings }), /kill -9/)
  const restarted = await again()
  const over = readOutcome((await call(restarted, bareLate)).outcome, late)
  assert.equal(over.result, 'failed')
  assert.match(String(over.detail['error']), /before it started the run/)
  // The intent is sent with its values, so the program is started once.
  const whole = { ...(await deliver(resent)), values: openings }
  await assert.rejects(call(await again(dying), whole), /kill -9/)
  assert.equal(readOutcome((await call(restarted, whole)).outcome, resent).result, 'done')
  assert.deepEqual(
    (await runner.client.list()).map((one) => one.run),
    [runOf(1), runOf(3)],
  )
})

test('AL-13: the refusal of an intent that never arrived has a hint', async (t) => {
  const { client } = await commandedAgent(t)
  const intent = await sealed(1, values())
  const refusal = readOutcome((await client.call('probe', { intent })).outcome, intent)
  assert.equal(refusal.result, 'refused')
  assert.match(String(refusal.detail['error']), /^it was not delivered, .*; repeat the command$/)
})
