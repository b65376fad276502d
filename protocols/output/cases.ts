/** Messages of `/muster/output/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

const run = '01990000-0000-7000-8000-000000000001'

export const cases: readonly Case[] = [
  {
    id: 'from the beginning to the end',
    method: 'read',
    part: 'request',
    message: { run, follow: true, stdout: 0, stderr: 0 },
    hex: `
      a46372756e782430313939303030302d303030302d373030302d383030302d30303030303030303030303166666f
      6c6c6f77f56673746465727200667374646f757400`,
  },
  {
    id: 'the rest of it, now',
    method: 'read',
    part: 'request',
    message: { run, follow: false, stdout: 65_536, stderr: 17 },
    hex: `
      a46372756e782430313939303030302d303030302d373030302d383030302d30303030303030303030303166666f
      6c6c6f77f46673746465727211667374646f75741a00010000`,
  },
  {
    id: 'it ended',
    method: 'read',
    part: 'response',
    message: {
      status: {
        run,
        state: 'exited',
        exitCode: 3,
        signal: null,
        reason: null,
        startedAt: '2026-01-31T08:00:00.000Z',
        endedAt: '2026-01-31T08:00:01.000Z',
        stdoutBytes: 65_600,
        stderrBytes: 17,
        droppedBytes: 0,
        limits: 'enforced',
        containment: 'cgroup2',
      },
    },
    hex: `
      a166737461747573ac6372756e782430313939303030302d303030302d373030302d383030302d30303030303030
      303030303165737461746566657869746564666c696d69747368656e666f7263656466726561736f6ef666736967
      6e616cf667656e64656441747818323032362d30312d33315430383a30303a30312e3030305a6865786974436f64
      6503697374617274656441747818323032362d30312d33315430383a30303a30302e3030305a6b636f6e7461696e
      6d656e74676367726f7570326b7374646572724279746573116b7374646f757442797465731a000100406c64726f
      70706564427974657300`,
  },
]
