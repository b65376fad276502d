/**
 * `compare-versions.ts MANAGER [PAIRS] [SEED] [--emit] [--all]`: compares the order of random
 * versions with the results of the manager's own tool. Exit 1 if any pair differs. `--emit` prints
 * the tool's results as lines for fixtures/vectors/versions.
 *
 * dpkg: Dpkg::Version of libdpkg-perl for all pairs, and `dpkg --compare-versions` for some. With
 * `--all` it runs dpkg for all pairs (100,000 take some minutes). rpm: rpm.vercmp of rpm's Lua.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { versionsOf } from '../shared/packages/managers.ts'

type Pair = readonly [string, string]
interface Answers {
  readonly tool: string
  readonly orders: readonly number[]
}

const DEFAULT_PAIRS = 100_000
/** The number of pairs for dpkg without `--all`. Each pair needs up to two processes. */
const DPKG_PAIRS = 100
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2

const PERL = `use Dpkg::Version; while (<STDIN>) { chomp; my ($a, $b) = split /\\t/;
print version_compare($a, $b), "\\n" }`

function lines(pairs: readonly Pair[]): string {
  return pairs.map(([a, b]) => `${a}\t${b}\n`).join('')
}

function numbers(text: string): number[] {
  return text.trim().split(/\s+/).map(Number)
}

function askPerl(pairs: readonly Pair[]): Answers {
  const text = execFileSync('perl', ['-e', PERL], {
    input: lines(pairs),
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  return { tool: 'perl Dpkg::Version', orders: numbers(text) }
}

/** One shell runs all pairs, because it starts processes much faster than Node. */
const SHELL = `while IFS=$(printf '\\t') read -r a b; do
if dpkg --compare-versions "$a" lt "$b"; then echo -1
elif dpkg --compare-versions "$a" gt "$b"; then echo 1
else echo 0; fi; done`

function askDpkg(pairs: readonly Pair[]): Answers {
  const text = execFileSync('sh', ['-c', SHELL], {
    input: lines(pairs),
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  return { tool: 'dpkg --compare-versions', orders: numbers(text) }
}

function askRpm(pairs: readonly Pair[]): Answers {
  const folder = mkdtempSync(join(tmpdir(), 'compare-versions-'))
  try {
    const file = join(folder, 'pairs')
    writeFileSync(file, lines(pairs))
    // The code uses string.find without a pattern, because rpm expands '%' as a macro.
    const lua = `for line in io.lines('${file}') do local tab = string.find(line, '\t')
print(rpm.vercmp(string.sub(line, 1, tab - 1), string.sub(line, tab + 1)) .. ' ') end`
    const text = execFileSync('rpm', ['--eval', `%{lua: ${lua}}`], {
      encoding: 'utf8',
      maxBuffer: MAX_OUTPUT_BYTES,
    })
    return { tool: 'rpm.vercmp', orders: numbers(text) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Creates a linear congruential generator. The same seed always gives the same pairs. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** Makes pairs of similar versions. Random versions would differ in their first characters. */
function pairsOf(manager: string, count: number, seed: number): Pair[] {
  const roll = dice(seed)
  const pick = (from: readonly string[]): string => from[roll(from.length)] as string
  const separators = manager === 'rpm' ? ['.', '_', '+'] : ['.', '+', '-']
  const parts = ['0', '00', '1', '01', '2', '9', '10', '123', 'a', 'b', 'rc', 'Z', 'el9', 'deb12u1']
  const text = (min: number, max: number, own: readonly string[]): string => {
    let made = pick(['0', '1', '2', '10'])
    for (let left = min + roll(max - min + 1); left > 0; left -= 1)
      made += pick([...own, '~', '~', '', manager === 'rpm' ? '^' : '~']) + pick(parts)
    return made + pick(['', '', '', '.', '~', '+'])
  }
  const one = (): string => {
    const version = text(0, 4, separators)
    const release =
      roll(4) === 0
        ? ''
        : `-${text(
            0,
            3,
            separators.filter((each) => each !== '-'),
          )}`
    const epoch = roll(4) === 0 ? `${roll(3)}:` : ''
    const plain = release === '' ? version.replaceAll('-', '+') : version
    return `${epoch}${plain}${release}`
  }
  const near = (each: string): string => {
    // This position is after the epoch and the first digit, which dpkg requires.
    const first = each.indexOf(':') + 2
    const at = first + roll(each.length - first + 1)
    return `${each.slice(0, at)}${pick(['0', '1', 'a', '~', '+', '.', ''])}${each.slice(at)}`
  }
  return Array.from({ length: count }, () => {
    const a = one()
    return [a, roll(2) === 0 ? one() : near(a)] as const
  })
}

function compare(manager: string, pairs: readonly Pair[], answers: Answers): number {
  const versions = versionsOf(manager)
  let wrong = 0
  pairs.forEach(([a, b], index) => {
    const ours = Math.sign(versions.compare(versions.parse(a), versions.parse(b)))
    if (ours === answers.orders[index]) return
    wrong += 1
    if (wrong <= 20) console.log(`${a} and ${b}: ${ours}, ${answers.tool} ${answers.orders[index]}`)
  })
  console.log(`${manager}: ${pairs.length} pairs compared with ${answers.tool}: ${wrong} differ`)
  return answers.orders.length === pairs.length ? wrong : pairs.length
}

const [manager = '', count = DEFAULT_PAIRS, seed = 1] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith('--'))
if (manager !== 'dpkg' && manager !== 'rpm') {
  console.error('compare-versions.ts: expected dpkg or rpm, then the number of pairs and a seed')
  process.exit(2)
}
const pairs = pairsOf(manager, Number(count), Number(seed))
if (process.argv.includes('--emit')) {
  const { orders } = manager === 'rpm' ? askRpm(pairs) : askPerl(pairs)
  for (const [index, [a, b]] of pairs.entries())
    console.log(`${a}\t${'<=>'[(orders[index] as number) + 1]}\t${b}`)
} else {
  const asked = manager === 'rpm' ? [askRpm] : [askPerl, askDpkg]
  let wrong = 0
  for (const ask of asked) {
    const isPart = ask === askDpkg && !process.argv.includes('--all')
    const some = isPart ? pairs.slice(0, DPKG_PAIRS) : pairs
    wrong += compare(manager, some, ask(some))
  }
  process.exitCode = wrong === 0 ? 0 : 1
}
