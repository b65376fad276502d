/**
 * Calls the node of this home for its blobs. An agent is called over its socket. A coordinator is
 * called as an operator, because adding a blob is a signed and logged operation.
 */
import { defined } from '../../shared/defined.ts'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { openClient, type Client } from '../../protocols/rpc/call.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { dialSocket } from '../../protocols/rpc/socket.ts'
import { createBlake3 } from '../../shared/blake3/hash.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { agentPaths } from '../../shared/home.ts'
import { blobId } from '../../shared/ids.ts'
import { KIB } from '../../shared/units.ts'
import { cliError } from '../terminal/errors.ts'
import { withSession } from '../session/connect.ts'
import type { CommandContext } from '../program/handler.ts'
import { fileError } from '../terminal/file-errors.ts'
import { homeKind } from '../session/home-kind.ts'
import { writeOutputFile } from '../terminal/output-file.ts'
import { requireDone } from '../session/results.ts'
import '../program/error-tables.ts'

type Context = CommandContext<unknown, unknown>

/** The size of a data frame. */
const CHUNK_BYTES = 256 * KIB

/** @returns the BLAKE3 id of the file's bytes */
export async function addBlob(context: Context, file: string): Promise<string> {
  await requireFile(file)
  if ((await homeKind(context.home())) === 'agent')
    return (
      await withLocal(context, (client) =>
        client.call(
          'blob.add',
          {},
          { upload: chunksOf(file, context.signal), signal: context.signal },
        ),
      )
    ).blob
  const { blob, size } = await hashFile(context, file)
  await withSession(context, async (session) => {
    requireDone(
      await session.operate(
        { verb: 'artifact.add', targets: [], arguments: { blob, size } },
        { upload: chunksOf(file, context.signal) },
      ),
    )
  })
  return blob
}

export async function getBlob(
  context: Context,
  options: { blob: string; to: string; range: string | undefined },
): Promise<void> {
  const blob = blobId.parse(options.blob)
  const range = options.range === undefined ? undefined : parseRange(options.range)
  await writeOutputFile(context, options.to, async (put, { direct }) => {
    // The node verified the content. This command hashes a whole blob again, but not a range.
    const hasher = range === undefined ? createBlake3() : undefined
    const write = async (bytes: Uint8Array): Promise<void> => {
      hasher?.update(bytes)
      await put(bytes)
    }
    if ((await homeKind(context.home())) === 'agent')
      await withLocal(context, (client) =>
        client.call('blob.get', defined({ blob, range }), {
          onData: write,
          signal: context.signal,
        }),
      )
    else
      await withSession(context, (session) =>
        session.ask('blob.get', defined({ blob, range }), { onData: write }),
      )
    const got = hasher?.digest() ?? blob
    if (got !== blob) throw fileError('file.altered', { blob, got, direct })
  })
}

export async function blobProviders(
  context: Context,
  text: string,
): Promise<readonly { name: string; peerId: string; whole: boolean }[]> {
  const blob = blobId.parse(text)
  if ((await homeKind(context.home())) === 'agent')
    return (await withLocal(context, (client) => client.call('blob.providers', { blob }))).providers
  return (await withSession(context, (session) => session.ask('blob.providers', { blob })))
    .providers
}

async function withLocal<T>(
  context: Context,
  work: (client: Client<typeof localProtocol>) => Promise<T>,
): Promise<T> {
  const client = openClient(
    localProtocol,
    await dialSocket(agentPaths(context.home()).socket, localProtocol.id, context.signal),
    context,
  )
  try {
    return await work(client)
  } finally {
    await client.close().catch(() => undefined)
  }
}

async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => Promise.reject(unreadable(file, error)))
  if (!found.isFile())
    throw fileError('file.unreadable', { file, reason: 'it is not a regular file' })
}

async function* chunksOf(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    const stream: AsyncIterable<Uint8Array> = createReadStream(file, {
      highWaterMark: CHUNK_BYTES,
      signal,
    })
    yield* stream
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** Hashes the file before the upload, because the intent contains the id. */
async function hashFile(context: Context, file: string): Promise<{ blob: string; size: number }> {
  const hasher = createBlake3()
  let size = 0
  for await (const chunk of chunksOf(file, context.signal)) {
    hasher.update(chunk)
    size += chunk.length
  }
  return { blob: hasher.digest(), size }
}

function parseRange(text: string): { start: number; end: number } {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text)
  const [start, end] = [Number(match?.[1]), Number(match?.[2])]
  if (!match || end <= start)
    throw cliError('cli.usage', {
      reason: `--range: expected A-B with A below B, got ${JSON.stringify(text)}`,
      hint: 'pass a range such as 0-65536 for the first 64 KiB',
    })
  return { start, end }
}

function unreadable(file: string, error: unknown): unknown {
  const reason = diskReason(error)
  return reason === undefined
    ? error
    : fileError('file.unreadable', { file, reason }, { cause: error })
}
