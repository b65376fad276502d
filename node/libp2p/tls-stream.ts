/**
 * A TLS socket as a message stream of libp2p. Data goes directly from the socket to the muxer.
 * Pause and drain are those of the socket.
 */
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { AbortOptions, MessageStream } from '@libp2p/interface'
import { AbstractMessageStream } from '@libp2p/utils'
import { defined } from '../../shared/defined.ts'

type SendData = Parameters<AbstractMessageStream['sendData']>[0]
type SendResult = ReturnType<AbstractMessageStream['sendData']>

export class TlsStream extends AbstractMessageStream {
  readonly #socket: TLSSocket
  readonly #transport: MessageStream
  #closed: Promise<void> | undefined

  constructor(transport: MessageStream, socket: TLSSocket) {
    super({
      log: transport.log,
      inactivityTimeout: transport.inactivityTimeout,
      maxReadBufferLength: transport.maxReadBufferLength,
      direction: transport.direction,
    })
    this.#socket = socket
    this.#transport = transport
    socket.on('data', (bytes: Buffer) => this.onData(bytes))
    socket.on('error', (error) => transport.abort(error))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    const onClose = (): void => {
      this.#closed ??= transport.close().catch((error: Error) => transport.abort(error))
    }
    if (socket.destroyed) onClose()
    else socket.once('close', onClose)
    transport.addEventListener('close', (event) => {
      socket.destroy()
      // A reset must not look like a normal end.
      if (event.error === undefined) this.onTransportClosed()
      else if (event.local === true) this.abort(event.error)
      else this.onRemoteReset()
    })
  }

  async close(options?: AbortOptions): Promise<void> {
    if (this.#closed === undefined) {
      const closed = once(this.#socket, 'close', defined({ signal: options?.signal }))
      this.#socket.destroySoon()
      await closed
    }
    await this.#closed
  }

  override sendData(data: SendData): SendResult {
    const socket = this.#socket
    let sentBytes = 0
    // The TLS layer gets a header and its payload together.
    socket.cork()
    for (const bytes of data) {
      sentBytes += bytes.byteLength
      socket.write(bytes)
    }
    socket.uncork()
    return { sentBytes, canSendMore: !socket.writableNeedDrain }
  }

  override sendReset(error: Error): void {
    this.#socket.destroy()
    this.#transport.abort(error)
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }
}
