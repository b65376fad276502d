/**
 * The BLAKE3 kernel for WebAssembly with SIMD, in AssemblyScript. tools/wasm.ts prepends the
 * generated `compress`, `hash4`, `hash8` and `setIv` of tools/blake3-rounds.ts and compiles both to
 * kernel.wasm. Positions and flags are those of memory.ts and kernel-typescript.ts.
 */

const BLOCK: usize = 1024;
const KEY: usize = 1088;
const FOLD: usize = 2048;

// The shuffle patterns that rotate the lanes' words by 16 and by 8 bits. tools/blake3-rounds.ts
// explains why they are in memory.
const TURN: usize = 1152;
v128.store(TURN, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
v128.store(TURN, i8x16(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12), 16);

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

function chunk(at: usize, length: usize, number: u64, root: u32, out: usize): void {
  setIv(out);
  let flags = CHUNK_START;
  while (length > 64) {
    compress(out, at, number, 64, flags, out);
    flags = 0;
    at += 64;
    length -= 64;
  }
  if (length < 64) {
    memory.fill(BLOCK, 0, 64);
    memory.copy(BLOCK, at, length);
    at = BLOCK;
  }
  compress(out, at, number, <u32>length, flags | CHUNK_END | (root * ROOT), out);
}

/** Chaining values of `count` whole chunks, eight or four at a time in the lanes. */
function chunks(at: usize, count: i32, number: u64, out: usize): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    hash8(at, 1024, 16, number, 1, 0, CHUNK_START, CHUNK_END, out);
    at += 8192;
    number += 8;
    out += 256;
  }
  for (; i + 4 <= count; i += 4) {
    hash4(at, 1024, 16, number, 1, 0, CHUNK_START, CHUNK_END, out);
    at += 4096;
    number += 4;
    out += 128;
  }
  for (; i < count; i++) {
    chunk(at, 1024, number, 0, out);
    at += 1024;
    number++;
    out += 32;
  }
}

/**
 * Folds `count` chaining values at `at` by one level into `out`, which may be `at`. An odd one
 * moves up. Returns how many remain.
 */
function level(at: usize, count: i32, out: usize): i32 {
  const pairs = count >> 1;
  let i = 0;
  for (; i + 8 <= pairs; i += 8) {
    hash8(at, 64, 1, 0, 0, PARENT, 0, 0, out);
    at += 512;
    out += 256;
  }
  for (; i + 4 <= pairs; i += 4) {
    hash4(at, 64, 1, 0, 0, PARENT, 0, 0, out);
    at += 256;
    out += 128;
  }
  for (; i < pairs; i++) {
    parent(at, 0, out);
    at += 64;
    out += 32;
  }
  if (count & 1) memory.copy(out, at, 32);
  return (count + 1) >> 1;
}

export function parent(at: usize, root: u32, out: usize): void {
  setIv(KEY);
  compress(KEY, at, 0, 64, PARENT | (root * ROOT), out);
}

export function subtree(at: usize, length: usize, first: f64, root: u32, out: usize): void {
  if (length <= 1024) {
    chunk(at, length, <u64>first, root, out);
    return;
  }
  let count = <i32>(length >> 10);
  const rest = length & 1023;
  chunks(at, count, <u64>first, FOLD);
  if (rest) {
    chunk(at + (<usize>count << 10), rest, <u64>first + count, 0, FOLD + (<usize>count << 5));
    count++;
  }
  while (count > 2) count = level(FOLD, count, FOLD);
  parent(FOLD, root, out);
}

export function groups(at: usize, count: i32, first: f64, out: usize): void {
  // All chunks first, then four levels over all groups at once, so that all lanes are used at the
  // top of a group.
  chunks(at, count << 4, <u64>first, FOLD);
  let left = count << 4;
  for (let i = 0; i < 3; i++) left = level(FOLD, left, FOLD);
  level(FOLD, left, out);
}
