import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { TestServer } from './support/server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

function chromium(): string | undefined {
  return ['chromium', 'chromium-browser', 'google-chrome'].find(name => spawnSync(name, ['--version']).status === 0)
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'dist/test/page/main.js')], bundle: true, write: false, format: 'esm', platform: 'browser', minify: true,
    alias: { '@nacredb/client': join(root, 'dist/esm/index.js') },
  })
  return outputFiles[0]?.text ?? ''
}

/** Passes a request on. What follows the log for the first time is cut off in its midst. */
function pass(target: string, request: IncomingMessage, response: ServerResponse, cut: boolean): void {
  const { hostname, port } = new URL(target)
  const far = ask({ hostname, port, path: request.url, method: request.method, headers: request.headers }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    let bytes = 0
    answer.on('data', (piece: Buffer) => {
      bytes += piece.length
      response.write(piece)
      if (cut && bytes > 1500) setTimeout(() => response.destroy(), 5)
    })
    answer.on('end', () => response.end())
  })
  far.on('error', () => response.destroy())
  response.on('close', () => far.destroy())
  request.pipe(far)
}

it('a browser appends, follows through a cut, and verifies', { timeout: 60_000 }, async t => {
  const program = chromium()
  if (program === undefined) return t.skip('there is no chromium: install it to try a real browser')
  const script = await bundle()
  const server = await TestServer.start()
  let follows = 0
  let tell: (text: string) => void = () => {}
  const told = new Promise<string>(resolve => { tell = resolve })
  const site = createServer(async (request, response) => {
    if (request.url === '/') response.setHeader('Content-Type', 'text/html').end('<!doctype html><script type="module" src="/page.js"></script>')
    else if (request.url === '/page.js') response.setHeader('Content-Type', 'text/javascript').end(script)
    else if (request.url === '/told') {
      let text = ''
      for await (const piece of request) text += String(piece)
      tell(text)
      response.end()
    } else if (request.url?.startsWith('/event-stores')) {
      pass(server.url, request, response, request.headers.accept === 'text/event-stream' && follows++ === 0)
    } else response.writeHead(404).end()
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  const profile = await mkdtemp(join(tmpdir(), 'nacre-browser-'))
  const browser = spawn(program, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', `--user-data-dir=${profile}`,
    `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
  ], { stdio: 'ignore' })
  const ended = once(browser, 'exit')
  try {
    const early = ended.then(() => assert.fail('the browser ended before it told anything'))
    assert.deepEqual(JSON.parse(await Promise.race([told, early])), {
      seen: Array.from({ length: 20 }, (_, n) => n), read: 19, conflict: 19, webhook: 'm',
    })
    assert(follows >= 2, `it followed ${follows} times`)
    early.catch(() => {})
  } finally {
    browser.kill('SIGKILL')
    await ended
    site.closeAllConnections()
    site.close()
    await server.stop()
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
})
