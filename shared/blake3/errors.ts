/**
 * Errors of the BLAKE3 tree: rejected encodings, and a kernel that computes wrong hashes. Callers
 * that know the blob's id raise their own errors.
 */
import { defineErrors } from '../errors.ts'

export const blake3Error = defineErrors({
  'blake3.altered': {
    exit: 'verification',
    message: (d: { part: string; offset: number }) =>
      `${d.part} at byte ${d.offset} does not belong to this content: ` +
      'expected bytes that hash to the id, got others',
    hint: () => 'fetch from another sender; this one is broken or malicious',
  },
  'blake3.truncated': {
    exit: 'verification',
    message: (d: { expected: string; got: number }) =>
      `the encoding ended early: expected ${d.expected}, got the end after ${d.got} bytes`,
    hint: () => 'fetch the rest from this or another sender',
  },
  'blake3.trailing': {
    exit: 'verification',
    message: (d: { bytes: number }) =>
      `${d.bytes} bytes follow the end of the encoding: expected none`,
  },
  'blake3.size': {
    exit: 'verification',
    message: (d: { expected: string; got: number }) =>
      `the encoding announces ${d.got} bytes of content: expected ${d.expected}`,
  },
  'blake3.kernel': {
    exit: 'failed',
    message: (d: { kernel: string }) =>
      `the ${d.kernel} BLAKE3 kernel computes wrong hashes on this machine: ` +
      'expected the published test value',
    hint: () => 'set MUSTER_BLAKE3=typescript and report the processor and the version of Node',
  },
})
