import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Passes connections on, and cuts them: each one after as many bytes of answers as `budget` says for its number. */
export class CuttingProxy {
  cuts = 0
  private connections = 0
  private readonly sockets = new Set<Socket>()

  private constructor(private readonly server: Server) {}

  static async start(target: string, budget: (connection: number) => number): Promise<CuttingProxy> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    const proxy = new CuttingProxy(server)
    server.on('connection', near => {
      let left = budget(proxy.connections++)
      const far = connect(Number(port), hostname)
      for (const socket of [near, far]) {
        proxy.sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          proxy.sockets.delete(socket)
          near.destroy()
          far.destroy()
        })
      }
      near.pipe(far)
      far.on('data', (piece: Buffer) => {
        near.write(piece.subarray(0, left))
        left -= piece.length
        if (left <= 0) {
          proxy.cuts++
          // What was written goes out first, as a server's last bytes do.
          near.end(() => far.destroy())
        }
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
    await once(this.server, 'close')
  }
}
