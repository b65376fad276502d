/**
 * Loads the WebAssembly kernel (kernel.wasm, built by tools/wasm.ts). It has no imports, so it can
 * access only its memory.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kernel } from './kernel.ts'
import { MEMORY_BYTES } from './memory.ts'

/**
 * The part of WebAssembly's interface that this module needs. Neither TypeScript's es2024 library
 * nor Node's types declare it.
 */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: Record<string, never>) => { readonly exports: object }
}

type Exports = Pick<Kernel, 'subtree' | 'groups' | 'parent'> & { memory: { buffer: ArrayBuffer } }

/**
 * Loads the kernel. Returns undefined if WebAssembly SIMD is missing or disabled, or the file
 * doesn't exist.
 */
export function simdKernel(): Kernel | undefined {
  let exports: Exports
  try {
    const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'kernel.wasm')))
    exports = new WebAssembly.Instance(module, {}).exports as Exports
  } catch {
    // Old processors and hardened runtimes use the fallback kernel. `kernel().name` is the kernel
    // in use.
    return undefined
  }
  const buffer = exports.memory.buffer
  if (buffer.byteLength !== MEMORY_BYTES) return undefined
  const { subtree, groups, parent } = exports
  return {
    name: 'simd',
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    subtree,
    groups,
    parent,
  }
}
