/**
 * Runs the rival of B1: iroh-blobs 0.35, also in two processes, from disk to disk, over direct
 * addresses on loopback. After the download its files are flushed like ours. Files that it has
 * flushed already cost no time.
 */
import { open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import iroh from '@number0/iroh'

interface Argument {
  readonly content: string
  readonly folder: string
}

type Node = Awaited<ReturnType<typeof iroh.Iroh.persistent>>
let node: Node | undefined
let path = ''

export async function provide(argument: unknown): Promise<string> {
  const { content, folder } = argument as Argument
  const provider = await iroh.Iroh.persistent(join(folder, 'iroh-source'))
  const hash = await new Promise<string>((resolve, reject) => {
    provider.blobs
      .addFromPath(content, false, iroh.SetTagOption.auto(), { wrap: false }, (error, progress) => {
        if (error !== null) reject(error)
        else if (progress.allDone !== undefined) resolve(progress.allDone.hash)
      })
      .catch(reject)
  })
  const ticket = await provider.blobs.share(
    hash,
    'Raw' as iroh.BlobFormat,
    'Addresses' as iroh.AddrInfoOptions,
  )
  return ticket.toString()
}

export async function reset(argument: unknown): Promise<void> {
  await node?.node.shutdown()
  path = join((argument as Argument).folder, 'iroh-target')
  await rm(path, { recursive: true, force: true })
  node = await iroh.Iroh.persistent(path)
}

export async function fetch(text: unknown): Promise<void> {
  const ticket = iroh.BlobTicket.fromString(text as string)
  await new Promise<void>((resolve, reject) => {
    node?.blobs
      .download(ticket.hash, ticket.asDownloadOptions(), (error, progress) => {
        if (error !== null) reject(error)
        else if (progress.allDone !== undefined) resolve()
      })
      .catch(reject)
  })
  for (const name of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    const file = await open(join(name.parentPath, name.name), 'r')
    await file.sync()
    await file.close()
  }
}
