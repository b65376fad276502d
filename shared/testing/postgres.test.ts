import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import pg from 'pg'
import { createTestPostgres } from './postgres.ts'

async function tables(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('create table mine (id int)')
  const { rows } = await client.query("select tablename from pg_tables where schemaname = 'public'")
  await client.end()
  return (rows as { tablename: string }[]).map((row) => row.tablename)
}

describe('PostgreSQL for tests', () => {
  it('gives each caller a separate empty database', async () => {
    const [one, two] = await Promise.all([createTestPostgres(), createTestPostgres()])
    assert.notEqual(one.url, two.url)
    assert.deepEqual(await tables(one.url), ['mine'])
    assert.deepEqual(await tables(two.url), ['mine'])
    await Promise.all([one.drop(), two.drop()])
    await assert.rejects(tables(one.url), /does not exist/)
  })

  it('fails with the reason if the requested server does not answer', () => {
    const module = JSON.stringify(new URL('./postgres.ts', import.meta.url).href)
    const script = `import { createTestPostgres } from ${module}; await createTestPostgres()`
    const env = { ...process.env, MUSTER_TEST_PG_URL: 'postgresql://u:secret@127.0.0.1:1/x' }
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env,
      encoding: 'utf8',
    })
    assert.notEqual(status, 0)
    assert.match(stderr, /the PostgreSQL for tests at postgresql:\/\/u:…@127\.0\.0\.1:1\/x/)
    assert.equal(stderr.includes('secret'), false)
  })
})
