/** Checks that the errors of a schema have the form of other errors and no words of the library. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { describeIssue } from './schema-issue.ts'

test('schema-issue: describes bounds, custom messages and keys by the expectation', () => {
  const shape = z.object({
    name: z.string().min(1).max(8),
    on: z.array(z.string()).max(2),
    count: z.int().min(3),
    id: z.string().regex(/^x/, 'expected an x'),
    labels: z.record(z.string().regex(/^[a-z]+$/, 'expected a label name'), z.string()),
  })
  const right = { name: 'a', on: [], count: 3, id: 'x', labels: {} }
  const wrong: [object, string][] = [
    [{ name: '' }, 'name: expected at least 1 character'],
    [{ name: 'x'.repeat(9) }, 'name: expected at most 8 characters'],
    [{ on: ['a', 'b', 'c'] }, 'on: expected at most 2 items'],
    [{ count: 1 }, 'count: expected at least 3'],
    [{ id: 'y' }, 'id: expected an x'],
    [{ labels: { '0': 'x' } }, 'labels.0: expected a label name'],
    [{ name: 7 }, 'name: it is not valid'],
  ]
  for (const [part, says] of wrong) {
    const checked = shape.safeParse({ ...right, ...part })
    assert.equal(describeIssue(checked.error?.issues[0]), says)
  }
})
