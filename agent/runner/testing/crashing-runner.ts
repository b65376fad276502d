/**
 * A runner that kills itself directly before its Nth durable write. Each durable write draws random
 * bytes for the name of its temporary file. The runner is killed at that moment.
 *
 * usage: node crashing-runner.ts HOME RUN-AS-JSON N
 */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock as clock } from '../../../shared/clock.ts'
import type { Random } from '../../../shared/random.ts'
import { systemRandom } from '../../../shared/random.ts'
import { openCgroups } from '../containment/cgroup.ts'
import { openFifoStock } from '../output/fifo.ts'
import { parseOrder } from '../ground/order.ts'
import { runnerPaths } from '../ground/paths.ts'
import { readBootId } from '../containment/process-identity.ts'
import { ownFolder } from '../socket/socket-path.ts'
import { Supervisor } from '../runs/supervisor.ts'
import { findTools } from '../launch/system-tools.ts'

const [home, order, moment] = process.argv.slice(2) as [string, string, string]
let writes = 0
const random: Random = {
  ...systemRandom,
  bytes: (length) => {
    if (++writes === Number(moment)) process.kill(process.pid, 'SIGKILL')
    return systemRandom.bytes(length)
  },
}
const paths = runnerPaths(home)
for (const folder of [paths.runFolder, paths.runs]) ownFolder(folder)
const tools = findTools()
const fifos = await openFifoStock(tools, paths.spares)
const cgroups = openCgroups({ home: realpathSync(home), versions: [2, 1] })
const supervisor = await Supervisor.open(
  { clock, random, log: () => undefined, tools, fifos, cgroups, bootId: readBootId() },
  paths.runs,
)
const { run } = await supervisor.start(parseOrder(JSON.parse(order)))
while (!supervisor.get(run).isQuiet()) await clock.sleep(2)
await supervisor.close()
process.stdout.write(`${join(paths.runs, run)} quiet after ${writes} writes\n`)
process.exit(0)
