import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { describeDatabase, observe, steps } from './contract.ts'
import { DIALECTS, testDatabase } from './testing.ts'

for (const dialect of DIALECTS) describeDatabase(dialect)

it('DB-16: random programs give the same results on SQLite and PostgreSQL', async () => {
  await using sqlite = await testDatabase('sqlite')
  await using postgresql = await testDatabase('postgresql')
  await fc.assert(
    fc.asyncProperty(steps, async (program) => {
      assert.deepEqual(
        await observe(sqlite.database, program),
        await observe(postgresql.database, program),
      )
    }),
    { numRuns: 60 },
  )
})
