/**
 * Stands in for an agent: connects to the runner of a home or starts it, starts one run, prints its
 * status, and waits.
 *
 * usage: node agent-stand-in.ts HOME RUN-AS-JSON
 */
import { systemClock as clock } from '../../../shared/clock.ts'
import { connectRunner } from '../socket/client.ts'
import { parseOrder } from '../ground/order.ts'

const [home, order] = process.argv.slice(2) as [string, string]
const client = await connectRunner({ clock }, { home, spawnIfAbsent: true })
const status = await client.start(parseOrder(JSON.parse(order)))
process.stdout.write(`${JSON.stringify(status)}\n`)
await clock.sleep(600_000)
