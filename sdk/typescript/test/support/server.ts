import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NacreClient, type ClientOptions, type RemoteEventStore } from '@nacredb/client'
import { unusedPort } from './nowhere.js'

/** A server of a temporary folder, on a free port of this machine. */
export class TestServer {
  private child: ChildProcess | undefined
  private address = ''
  private made = 0

  private constructor(private readonly data: string, private readonly flags: readonly string[]) {}

  static async start(...flags: string[]): Promise<TestServer> {
    const server = new TestServer(await mkdtemp(join(tmpdir(), 'nacre-data-')), flags)
    await server.run(`127.0.0.1:${await unusedPort()}`)
    return server
  }

  /** One that sends webhooks to receivers of this machine, where it can do that. */
  static async startWithWebhooks(): Promise<TestServer> {
    const flag = '--allow-private-webhooks'
    const help = spawnSync(process.env['NACRE_BINARY'] ?? 'nacre', ['serve', '--help'], { encoding: 'utf8' })
    return TestServer.start(...(help.stdout.includes(flag) ? [flag] : []))
  }

  get url(): string {
    return `http://${this.address}`
  }

  client(options: ClientOptions = {}): NacreClient {
    return new NacreClient({ baseUrl: this.url, retryDelayMs: 5, ...options })
  }

  /** An event store of its own. */
  async store(options?: ClientOptions): Promise<RemoteEventStore> {
    const client = this.client(options)
    const name = `store-${++this.made}`
    await this.client().getManagement().createEventStore({ name })
    return client.getEventStore(name)
  }

  /** Makes an API key; the server lets nobody in without one once it has been started again. */
  makeKey(permission: string): string {
    const args = ['keys', 'create', '--data', this.data, '--name', 'test', '--permission', permission]
    return spawnSync(process.env['NACRE_BINARY'] ?? 'nacre', args, { encoding: 'utf8' }).stdout.trim()
  }

  /** Ends the server at once, without any farewell. */
  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Starts it again, on the same data and address. */
  async restart(): Promise<void> {
    await this.kill()
    await this.run(this.address)
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.data, { recursive: true, force: true })
  }

  private async run(listen: string): Promise<void> {
    const binary = process.env['NACRE_BINARY']
    if (binary === undefined) throw new Error('NACRE_BINARY is not set: run the tests by "npm test"')
    const child = spawn(binary, ['serve', '--data', this.data, '--listen', listen, ...this.flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    this.address = await new Promise<string>((resolve, reject) => {
      let told = ''
      const read = (chunk: Buffer): void => {
        told += String(chunk)
        const found = /nacre serves http:\/\/([0-9.:]+)/.exec(told)?.[1]
        if (found !== undefined) resolve(found)
      }
      child.stdout?.on('data', read)
      child.stderr?.on('data', read)
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`the server ended with ${code}: ${told}`)))
    })
  }
}
