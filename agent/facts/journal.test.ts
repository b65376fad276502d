import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { type Clock, parseRfc3339, systemClock } from '../../shared/clock.ts'
import { apply } from '../../shared/facts/apply.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import { factPackage, factSet, rootOf } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import type { FactUpdate } from '../../shared/facts/update.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { openJournal } from './journal.ts'
import type { Journal } from './journal.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const setOf = (...evrs: string[]): FactSet =>
  factSet(
    os,
    evrs.map((evr, i) => factPackage('rpm', `p${i}`, 'noarch', evr)),
  )
const deps = { random: systemRandom, clock: systemClock, log: recordedLog() }

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Opens the journal, runs `work`, and closes the journal. */
async function withJournal<T>(folder: string, work: (journal: Journal) => Promise<T>): Promise<T> {
  const journal = await openJournal(deps, { folder })
  try {
    return await work(journal)
  } finally {
    await journal.close()
  }
}

/** Applies the updates as a coordinator does. Fails if it can't. */
function follow(
  state: FactState | undefined,
  updates: readonly FactUpdate[],
): FactState | undefined {
  for (const update of updates) {
    const applied = apply(state, update, { now: systemClock.now() })
    assert.equal(applied.result, 'applied', `${update.kind} ${update.epoch}.${update.sequence}`)
    state = (applied as typeof applied & { result: 'applied' }).state
  }
  return state
}

test('facts journal: returns a full set first, then only changes', () =>
  inFolder((folder) =>
    withJournal(folder, async (journal) => {
      assert.equal(journal.full(), undefined)
      assert.deepEqual(await journal.since(0, 0), [])
      const first = await journal.observe(setOf('1-1'))
      assert.deepEqual([first?.kind, first?.epoch, first?.sequence], ['full', 1, 1])
      assert.equal(await journal.observe(setOf('1-1')), undefined)
      const second = await journal.observe(setOf('2-1', '1-1'))
      assert.deepEqual([second?.kind, second?.epoch, second?.sequence], ['events', 1, 2])
      assert.equal(second?.root, rootOf(setOf('2-1', '1-1')))
    }),
  ))

test('facts journal: records another kernel in a full set', () =>
  inFolder((folder) =>
    withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      const update = await journal.observe({ ...setOf('1-1'), os: { ...os, kernel: '7' } })
      assert.deepEqual([update?.kind, update?.sequence], ['full', 2])
    }),
  ))

test('facts journal: returns a full set if a change is too large for a statement', () =>
  inFolder((folder) =>
    withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      const update = await journal.observe(setOf(...Array.from({ length: 2000 }, () => '1-1')))
      assert.deepEqual([update?.kind, update?.sequence], ['full', 2])
    }),
  ))

test('facts journal: continues from the same position after a restart', () =>
  inFolder(async (folder) => {
    const state = await withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      await journal.observe(setOf('2-1'))
      return follow(undefined, await journal.since(0, 0))
    })
    await withJournal(folder, async (journal) => {
      assert.deepEqual(journal.position(), { epoch: 1, sequence: 2, root: rootOf(setOf('2-1')) })
      assert.equal(await journal.observe(setOf('2-1')), undefined)
      const third = await journal.observe(setOf('2-1', '1-1'))
      assert.equal(third?.kind, 'events')
      assert.deepEqual(follow(state, await journal.since(1, 2))?.set, setOf('2-1', '1-1'))
      assert.deepEqual(follow(undefined, await journal.since(0, 0))?.set, setOf('2-1', '1-1'))
    })
  }))

test('facts journal: returns the missing events, or the full set', () =>
  inFolder((folder) =>
    withJournal(folder, async (journal) => {
      const states: (FactState | undefined)[] = []
      for (let i = 1; i <= 400; i++) {
        const update = await journal.observe(setOf(`${i}-1`))
        states.push(follow(states.at(-1), [update as FactUpdate]))
      }
      const newest = setOf('400-1')
      const recent = await journal.since(1, 390)
      assert.deepEqual(
        recent.map((update) => update.sequence),
        [391, 392, 393, 394, 395, 396, 397, 398, 399, 400],
      )
      assert.deepEqual(follow(states[389], recent)?.set, newest)
      const old = await journal.since(1, 10)
      assert.deepEqual(
        old.map((update) => update.kind),
        ['full'],
      )
      assert.deepEqual(follow(states[9], old)?.set, newest)
      assert.deepEqual(await journal.since(1, 400), [])
    }),
  ))

test('facts journal: rewrites a long file with the same content', () =>
  inFolder(async (folder) => {
    const rows = Array.from({ length: 300 }, (_, i) => `${i}-${'x'.repeat(200)}`)
    let last: FactSet = setOf()
    await withJournal(folder, async (journal) => {
      for (let i = 0; i < 60; i++) {
        last = setOf(...rows.map((row) => `${i}.${row}`))
        await journal.observe(last)
      }
      await journal.observe((last = setOf('1-1', ...rows)))
      await journal.observe((last = setOf('1-2', ...rows)))
    })
    assert.ok((await stat(join(folder, 'journal'))).size < 3 * 1024 * 1024)
    await withJournal(folder, async (journal) => {
      assert.deepEqual([journal.position()?.sequence, journal.position()?.root], [62, rootOf(last)])
      assert.equal((await journal.since(1, 61))[0]?.kind, 'events')
    })
    assert.deepEqual(await readdir(folder), ['journal'])
  }))

test('facts journal: corrects times of a clock that was ahead', () =>
  inFolder(async (folder) => {
    let aheadMs = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
    const journal = await openJournal({ ...deps, clock }, { folder })
    await journal.observe(setOf('1-1'))
    aheadMs = 3_600_000
    await journal.observe(setOf('2-1'))
    aheadMs = 0
    await journal.observe(setOf('3-1'))
    const served = await journal.since(1, 1)
    await journal.close()
    assert.deepEqual(
      served.map(({ sequence }) => sequence),
      [2, 3],
    )
    for (const update of served) {
      const events = update.kind === 'events' ? update.events : []
      for (const { at } of [update, ...events])
        assert.ok(parseRfc3339(at) <= systemClock.now(), `${at} of ${update.sequence}`)
    }
  }))

test('facts journal: drops a last line that a crash cut or damaged', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'journal')
    await withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      await journal.observe(setOf('2-1'))
    })
    const whole = await readFile(path)
    const first = whole.indexOf(10) + 1
    for (const size of [first, first + 1, first + 40, whole.length - 1]) {
      await writeFile(path, whole)
      await truncate(path, size)
      await withJournal(folder, async (journal) => {
        assert.equal(journal.position()?.sequence, 1, `cut at ${size}`)
        assert.equal((await journal.observe(setOf('2-1')))?.sequence, 2)
      })
    }
    await writeFile(
      path,
      Buffer.concat([whole.subarray(0, whole.length - 20), Buffer.from('\0\0\0\n')]),
    )
    await withJournal(folder, async (journal) => assert.equal(journal.position()?.sequence, 1))
  }))

test('facts journal: renames a damaged journal and begins a new one', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'journal')
    await withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      await journal.observe(setOf('2-1'))
    })
    const bytes = await readFile(path)
    bytes[60] = (bytes[60] as number) ^ 1
    await writeFile(path, bytes)
    await withJournal(folder, async (journal) => {
      assert.equal(journal.position(), undefined)
      assert.equal((await journal.observe(setOf('3-1')))?.kind, 'full')
    })
    assert.deepEqual((await readdir(folder)).sort(), ['journal', 'journal.damaged'])
  }))

test('FG-10: begins a new epoch if a coordinator has a later position', () =>
  inFolder(async (folder) => {
    let state: FactState | undefined
    const copy = await withJournal(folder, async (journal) => {
      await journal.observe(setOf('1-1'))
      const bytes = await readFile(join(folder, 'journal'))
      for (const evr of ['2-1', '3-1', '4-1']) await journal.observe(setOf(evr))
      state = follow(undefined, await journal.since(0, 0))
      return bytes
    })
    await writeFile(join(folder, 'journal'), copy)
    await withJournal(folder, async (journal) => {
      await journal.observe(setOf('5-1'))
      const answer = await journal.since(1, 4, rootOf(setOf('4-1')))
      assert.deepEqual(
        answer.map(({ kind, epoch, sequence }) => [kind, epoch, sequence]),
        [['full', 2, 1]],
      )
      state = follow(state, answer)
      assert.deepEqual(state?.set, setOf('5-1'))
      // The coordinator has the same position with another root.
      const third = await journal.observe(setOf('6-1'))
      assert.deepEqual(
        (await journal.since(2, 2, rootOf(setOf('7-1')))).map(({ epoch }) => epoch),
        [3],
      )
      assert.equal(third?.sequence, 2)
    })
    await rm(join(folder, 'journal'))
    await withJournal(folder, async (journal) => {
      assert.deepEqual(await journal.since(3, 1), [])
      assert.deepEqual([(await journal.observe(setOf('7-1')))?.epoch], [4])
      await assert.rejects(journal.since(2_000_000, 1), { code: 'facts.epoch' })
    })
  }))

test('facts journal: a kill during a write loses no update that was returned', () =>
  inFolder(async (folder) => {
    const program = join(import.meta.dirname, '../testing/journal-writer.ts')
    for (const kills of [1, 2, 3]) {
      const child = spawn(process.execPath, [program, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const lines = createInterface({ input: child.stdout })
      const told: string[] = []
      for await (const line of lines) {
        told.push(line)
        if (told.length === 20 * kills) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      const [epoch, sequence, root] = (told.at(-1) ?? '').split(' ')
      await withJournal(folder, async (journal) => {
        const position = journal.position()
        assert.equal(position?.epoch, Number(epoch))
        assert.ok(
          (position?.sequence ?? 0) >= Number(sequence),
          `${position?.sequence} after ${sequence}`,
        )
        if (position?.sequence === Number(sequence)) assert.equal(position.root, root)
        else
          assert.equal(follow(undefined, await journal.since(0, 0))?.sequence, position?.sequence)
      })
    }
  }))

test('facts journal: returns no update while the disk is full', () =>
  inFolder(async (folder) => {
    const program = join(import.meta.dirname, '../testing/journal-writer.ts')
    // The limit for files of the child is 16 blocks of 512 bytes. A longer write fails in the
    // middle of a line, as on a full disk.
    const child = spawn(
      '/bin/sh',
      ['-c', 'ulimit -f 16; exec "$0" "$@"', process.execPath, program, folder],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    await once(child, 'close')
    assert.match(err, /facts\.journal/)
    const told = out.trimEnd().split('\n')
    assert.ok(told.length > 1)
    assert.equal(told.pop(), 'a smaller one fits')
    await withJournal(folder, async (journal) => {
      assert.deepEqual(
        `${journal.position()?.epoch} ${journal.position()?.sequence} ${journal.position()?.root}`,
        told.at(-1),
      )
    })
  }))
