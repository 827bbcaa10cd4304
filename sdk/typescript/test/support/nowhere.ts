import { once } from 'node:events'
import { createServer } from 'node:net'

/** An address of this machine at which nothing listens. */
export async function nowhere(): Promise<string> {
  return `http://127.0.0.1:${await unusedPort()}`
}

/**
 * A port of this machine that nothing listens at. It is none of those that the system gives to connections, one of which
 * could take it meanwhile: even the very connection that asks whether something listens there.
 */
export async function unusedPort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(15_000 * Math.random())
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('no port is free')
}
