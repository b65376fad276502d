/** Errors of the files that a person names: content to add, and output. */
import { defineErrors } from '../../shared/errors.ts'

export const fileError = defineErrors({
  'file.altered': {
    exit: 'verification',
    message: (d: { blob: string; got: string; direct: boolean }) =>
      `the content that came is not the blob: expected ${d.blob}, got ${d.got}`,
    hint: (d: { blob: string; got: string; direct: boolean }) =>
      d.direct
        ? 'discard what was written; the node that sent it is damaged or hostile'
        : 'nothing of it was kept; the node that sent it is damaged or hostile',
  },
  'file.unreadable': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) => `${d.file} cannot be read: ${d.reason}`,
    hint: () => 'give the path of a file that you may read',
  },
  'file.target': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) => `cannot write to ${d.file}: ${d.reason}`,
    hint: () => 'give the path of a file in a folder that exists, or - for standard output',
  },
  'file.unwritable': {
    exit: 'failed',
    message: (d: { file: string; reason: string }) => `cannot write to ${d.file}: ${d.reason}`,
    hint: () =>
      'a file that was there is unchanged; check the permissions and the space of its disk',
  },
  'file.in-part': {
    exit: 'failed',
    message: (d: { file: string; reason: string }) =>
      `${d.file} was written only in part: ${d.reason}`,
    hint: () => 'its earlier content is lost; free some space, then run the command again',
  },
})
