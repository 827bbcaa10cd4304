import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  headers: IncomingHttpHeaders
  body: string
}

/** A receiver of webhooks on this machine. */
export class Receiver {
  readonly received: Received[] = []
  private waiting: (() => void)[] = []

  private constructor(private readonly server: Server) {}

  /** `answer` gives the status for the delivery of this number, from 0. Default: 200. */
  static async start(answer: (number: number, received: Received) => number | Promise<number> = () => 200): Promise<Receiver> {
    const server = createServer()
    const receiver = new Receiver(server)
    server.on('request', async (request, response) => {
      let body = ''
      for await (const piece of request) body += String(piece)
      const received = { headers: request.headers, body }
      receiver.received.push(received)
      response.statusCode = await answer(receiver.received.length - 1, received)
      response.end()
      for (const wake of receiver.waiting.splice(0)) wake()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/webhook`
  }

  /** Resolves once there are as many deliveries. */
  async count(least: number): Promise<void> {
    while (this.received.length < least) await new Promise<void>(resolve => this.waiting.push(resolve))
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}
