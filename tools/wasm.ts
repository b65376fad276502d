/**
 * Rebuilds the generated files of the BLAKE3 kernels: shared/blake3/compress.ts and
 * shared/blake3/kernel.wasm (`npm run wasm`). The same sources and the pinned compiler produce the
 * same bytes on every machine; a test compares them with the committed files.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'
import { MEMORY_PAGES } from '../shared/blake3/memory.ts'
import { compressTypescript, roundsAssemblyScript } from './blake3-rounds.ts'

const FOLDER = join(import.meta.dirname, '../shared/blake3')

/** Compiles the WebAssembly kernel in memory. No file is written. */
export async function buildKernel(): Promise<Uint8Array> {
  const source = `${roundsAssemblyScript()}\n${readFileSync(join(FOLDER, 'kernel.as.ts'), 'utf8')}`
  let wasm: Uint8Array | undefined
  const args = [
    'kernel.ts',
    '--outFile',
    'kernel.wasm',
    '-O3',
    '--converge',
    '--runtime',
    'stub',
    '--noAssert',
  ]
  const features = ['simd', 'relaxed-simd'].flatMap((feature) => ['--enable', feature])
  const { error } = await asc.main(
    [
      ...args,
      ...features,
      '--initialMemory',
      `${MEMORY_PAGES}`,
      '--maximumMemory',
      `${MEMORY_PAGES}`,
      '--use',
      'abort=',
    ],
    {
      readFile: (name) => (name === 'kernel.ts' ? source : null),
      writeFile: (name, contents) => {
        if (name === 'kernel.wasm') wasm = contents as Uint8Array
      },
      listFiles: () => [],
    },
  )
  if (error !== null || wasm === undefined)
    throw new Error('the kernel does not compile', { cause: error })
  return wasm
}

/** Returns the generated files by name, with their expected contents. */
export async function generate(): Promise<{ name: string; contents: Uint8Array }[]> {
  return [
    { name: 'compress.ts', contents: Buffer.from(compressTypescript()) },
    { name: 'kernel.wasm', contents: await buildKernel() },
  ].map(({ name, contents }) => ({ name: join(FOLDER, name), contents }))
}

if (import.meta.main) {
  for (const { name, contents } of await generate()) {
    writeFileSync(name, contents)
    process.stdout.write(`${name}: ${contents.length} bytes\n`)
  }
}
