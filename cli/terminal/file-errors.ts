/** Errors of the files that the user names, for input and output. */
import { defineErrors } from '../../shared/errors.ts'

export const fileError = defineErrors({
  'file.altered': {
    exit: 'verification',
    message: (d: { blob: string; got: string; direct: boolean }) =>
      `the received content is not the blob: expected ${d.blob}, got ${d.got}`,
    hint: (d: { blob: string; got: string; direct: boolean }) =>
      d.direct
        ? 'discard the written content; the node that sent it is damaged or hostile'
        : 'the content was discarded; the node that sent it is damaged or hostile',
  },
  'file.unreadable': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) => `cannot read ${d.file}: ${d.reason}`,
    hint: () => 'name a file that you can read',
  },
  'file.target': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) => `cannot write to ${d.file}: ${d.reason}`,
    hint: () => 'name a file in a folder that exists, or - for standard output',
  },
  'file.unwritable': {
    exit: 'failed',
    message: (d: { file: string; reason: string }) => `cannot write to ${d.file}: ${d.reason}`,
    hint: () => 'check the permissions and the free space; an existing file is unchanged',
  },
  'file.in-part': {
    exit: 'failed',
    message: (d: { file: string; reason: string }) =>
      `${d.file} was written only in part: ${d.reason}`,
    hint: () => 'free some space and run the command again; the earlier content is lost',
  },
})
