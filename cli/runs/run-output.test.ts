import assert from 'node:assert/strict'
import test from 'node:test'
import { plainWriter, prefixedWriter } from './run-output.ts'
import type { Sink } from '../terminal/sink.ts'

function terminal(isTTY: boolean): { sink: Sink; text: () => string } {
  const written: Buffer[] = []
  const sink: Sink = {
    write: async (chunk) => void written.push(Buffer.from(chunk as string)),
    isTTY,
    columns: 80,
    style: (_format, text) => text,
    closed: new AbortController().signal,
  }
  return { sink, text: () => Buffer.concat(written).toString('latin1') }
}

// OSC 52 writes to the clipboard. CSI 2J clears the screen.
const HOSTILE = Buffer.from('a\u001b]52;c;eA==\u0007b\n\u001b[2Jc')

test('PC-13: makes control characters visible on a terminal; a pipe gets the bytes', async () => {
  for (const isTTY of [true, false]) {
    const [one, many] = [terminal(isTTY), terminal(isTTY)]
    await plainWriter(one.sink, { raw: false })(HOSTILE)
    const writer = prefixedWriter(many.sink, 'web-1', { raw: false })
    await writer.write(HOSTILE)
    await writer.end()
    for (const { text } of [one, many]) assert.equal(text().includes('\u001b'), !isTTY)
    if (isTTY) assert.equal(many.text(), 'web-1: a\\u001b]52;c;eA==\\u0007b\nweb-1: \\u001b[2Jc\n')
    else assert.equal(many.text(), 'web-1: a\u001b]52;c;eA==\u0007b\nweb-1: \u001b[2Jc\n')
  }
})

test('PC-13: --raw writes bytes unchanged to a terminal', async () => {
  const { sink, text } = terminal(true)
  await plainWriter(sink, { raw: true })(HOSTILE)
  assert.equal(text(), HOSTILE.toString('latin1'))
})

test('PC-13: a host can not overwrite its name; a single host keeps progress bars', async () => {
  const [one, many] = [terminal(true), terminal(true)]
  const bytes = Buffer.from('10%\r20%\tx\r\nlast')
  await plainWriter(one.sink, { raw: false })(bytes)
  assert.equal(one.text(), bytes.toString())
  const writer = prefixedWriter(many.sink, 'web-1', { raw: false })
  await writer.write(Buffer.from('x\rdb-1: all is well\r\n'))
  await writer.end()
  assert.equal(many.text(), 'web-1: x\\u000ddb-1: all is well\r\n')
})
