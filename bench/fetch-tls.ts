/**
 * Runs the rival of B2. It sends the same number of bytes from memory over a TLS 1.3 socket of
 * node:tls, and the receiver discards them. It uses no disk, verification or protocol.
 */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { generateCertificate } from '@libp2p/tls/utils'
import { systemRandom } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'

interface Ticket {
  readonly port: number
  readonly size: number
}

export async function provide(argument: unknown): Promise<Ticket> {
  const { size } = await stat((argument as { content: string }).content)
  const credentials = await generateCertificate(await generateKeyPair('Ed25519'))
  const chunk = Buffer.from(systemRandom.bytes(MIB))
  const server = createServer({ ...credentials, minVersion: 'TLSv1.3' }, (socket) => {
    socket.on('error', () => undefined)
    void (async () => {
      for (let sent = 0; sent < size; sent += chunk.length)
        if (!socket.write(chunk)) await once(socket, 'drain')
      socket.end()
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, size }
}

export async function reset(): Promise<void> {}

export async function fetch(ticket: unknown): Promise<void> {
  const { port, size } = ticket as Ticket
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  let received = 0
  socket.on('data', (bytes) => {
    received += bytes.length
  })
  await once(socket, 'end')
  socket.destroy()
  if (received !== size) throw new Error(`expected ${size} bytes, got ${received}`)
}
