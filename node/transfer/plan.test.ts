import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { GROUP_BYTES } from '../../shared/blake3/geometry.ts'
import { MIB } from '../../shared/units.ts'
import { type Piece, createPlan, intersect, subtract, sum } from './plan.ts'

const never = (): boolean => false

test('plan: every missing byte is fetched after any failures and races', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(9)), { maxLength: 200 }),
      (groups, steps) => {
        const size = Math.max(0, groups * 40 * GROUP_BYTES - 7)
        let missing = [{ start: 0, end: size }]
        const plan = createPlan(missing)
        const flying: Piece[] = []
        const land = (piece: Piece): void => {
          missing = subtract(missing, piece.range)
          plan.finish(piece)
        }
        for (const [provider, action] of steps) {
          const name = `p${provider}`
          const piece =
            plan.take(name, provider === 0 ? [{ start: 0, end: size / 2 }] : undefined, 4) ??
            plan.double(name, undefined, missing, () => action % 2 === 0)
          if (piece !== undefined) flying.push(piece)
          const chosen = flying.splice(action % Math.max(1, flying.length), 1)[0]
          if (chosen === undefined) continue
          if (action < 4) plan.giveBack(chosen, missing)
          else land(chosen)
        }
        for (const piece of flying) plan.giveBack(piece, missing)
        assert.equal(plan.inFlight(), 0)
        assert.equal(plan.pendingBytes(), sum(missing))
        for (
          let piece = plan.take('last', undefined, 1);
          piece !== undefined;
          piece = plan.take('last', undefined, 1)
        )
          land(piece)
        assert.equal(sum(missing), 0)
      },
    ),
  )
})

test('plan: pieces are disjoint and aligned, and become smaller towards the end', () => {
  const plan = createPlan([{ start: 0, end: 256 * MIB + 5 }])
  const pieces: Piece[] = []
  for (
    let piece = plan.take('a', undefined, 4);
    piece !== undefined;
    piece = plan.take('a', undefined, 4)
  )
    pieces.push(piece)
  assert.equal(sum(pieces.map((piece) => piece.range)), 256 * MIB + 5)
  assert.ok(
    pieces.every(
      ({ range }, i) =>
        range.start % GROUP_BYTES === 0 && range.start === (pieces[i - 1]?.range.end ?? 0),
    ),
  )
  assert.equal(pieces[0]?.range.end, 32 * MIB)
  assert.ok(sum([pieces.at(-2).range]) <= 1 * MIB)
})

test('plan: assigns a provider only ranges that it holds', () => {
  const plan = createPlan([{ start: 0, end: 8 * MIB }])
  const part = [{ start: 2 * MIB, end: 3 * MIB }]
  assert.deepEqual(plan.take('part', part, 2)?.range, { start: 2 * MIB, end: 3 * MIB })
  assert.equal(plan.take('part', part, 2), undefined)
  assert.deepEqual(plan.take('whole', undefined, 1)?.range, { start: 0, end: 2 * MIB })
})

test('plan: an idle provider also fetches the largest unfinished part, but only once', () => {
  const plan = createPlan([{ start: 0, end: 2 * MIB }])
  const slow = plan.take('slow', undefined, 1) as Piece
  plan.take('slow', undefined, 1)
  const missing = [{ start: 512 * 1024, end: 2 * MIB }]
  assert.equal(plan.double('slow', undefined, missing, never), undefined)
  const fast = plan.double('fast', undefined, missing, never) as Piece
  assert.deepEqual(fast.range, { start: 1 * MIB, end: 2 * MIB })
  const second = plan.double('fast', undefined, missing, never) as Piece
  assert.deepEqual(second.range, { start: 512 * 1024, end: 1 * MIB })
  assert.equal(plan.double('third', undefined, missing, never), undefined)
  plan.giveBack(slow, missing)
  assert.equal(plan.pendingBytes(), 0)
})

test('plan: a late piece is also requested from other providers, one after another', () => {
  const missing = [{ start: 0, end: 1000 }]
  const plan = createPlan(missing)
  const late = new Set<Piece>()
  const double = (provider: string): Piece | undefined =>
    plan.double(provider, undefined, missing, (piece) => late.has(piece))
  const first = plan.take('first', undefined, 3) as Piece
  assert.equal(double('second'), undefined)
  late.add(first)
  assert.equal(double('first'), undefined)
  const second = double('second') as Piece
  assert.deepEqual(second.range, first.range)
  assert.equal(double('third'), undefined)
  late.add(second)
  const third = double('third') as Piece
  plan.giveBack(first, missing)
  plan.giveBack(second, missing)
  assert.equal(plan.pendingBytes(), 0, 'the third still works on it')
  plan.giveBack(third, missing)
  assert.equal(plan.pendingBytes(), 1000)
})

test('plan: an empty blob has one piece without bytes', () => {
  const plan = createPlan([{ start: 0, end: 0 }])
  assert.deepEqual(plan.take('a', undefined, 4)?.range, { start: 0, end: 0 })
  assert.equal(plan.take('a', undefined, 4), undefined)
})

test('plan: intersect and subtract have the same results as sets of bytes', () => {
  const list = fc.uniqueArray(fc.nat(20), { maxLength: 6 }).map((marks) => {
    const sorted = [...marks].sort((a, b) => a - b)
    return Array.from({ length: sorted.length >> 1 }, (_, i) => ({
      start: sorted[2 * i] as number,
      end: sorted[2 * i + 1] as number,
    }))
  })
  const bytes = (ranges: readonly { start: number; end: number }[]): number[] =>
    Array.from({ length: 21 }, (_, i) => i).filter((i) =>
      ranges.some(({ start, end }) => i >= start && i < end),
    )
  fc.assert(
    fc.property(list, list, (a, b) => {
      assert.deepEqual(
        bytes(intersect(a, b)),
        bytes(a).filter((i) => bytes(b).includes(i)),
      )
      const rest = b.reduce((left, range) => subtract(left, range), a)
      assert.deepEqual(
        bytes(rest),
        bytes(a).filter((i) => !bytes(b).includes(i)),
      )
    }),
  )
})
