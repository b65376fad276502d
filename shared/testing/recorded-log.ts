/** A logger for tests that keeps its lines in memory for assertions and prints nothing. */
import type { LogData, LogLevel, Logger } from '../logger.ts'

export interface RecordedLog extends Logger {
  readonly lines: { readonly level: LogLevel; readonly data: LogData; readonly message: string }[]
}

export function recordedLog(lines: RecordedLog['lines'] = [], base: LogData = {}): RecordedLog {
  const at = (level: LogLevel) => (data: LogData, message: string) => {
    lines.push({ level, data: { ...base, ...data }, message })
  }
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (data) => recordedLog(lines, { ...base, ...data }),
  }
}
