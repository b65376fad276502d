/**
 * A program that receives a blob of 29 bytes into a pool: `node receive-program.ts FOLDER`. It
 * exits with 0 once the blob is there.
 */
import { inPieces, send, testPool } from './pools.ts'

const [folder] = process.argv.slice(2) as [string]
await using source = await testPool()
const target = await testPool({ folder })
const { id, size } = await source.ingest(inPieces(Buffer.alloc(29)), { maxBytes: 29 })
const incoming = await target.receive(id, size)
await send(source, incoming)
await incoming.finish()
