// Compiles the tests and runs them against a server that is built once, of this very source.
// NACRE_BINARY names one that is built already. Arguments are test files, such as "store"; none is all of them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'nacre-sdk-'))
let status = 1
try {
  status = main()
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exit(status)

function main() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  rmSync(join(root, 'dist/test'), { recursive: true, force: true })
  const compiled = run(process.execPath, [tsc, '-p', 'tsconfig.test.json'], root)
  if (compiled !== 0) return compiled

  const env = { ...process.env }
  if (!env.NACRE_BINARY) {
    env.NACRE_BINARY = join(work, process.platform === 'win32' ? 'nacre.exe' : 'nacre')
    const built = run(env.GO || 'go', ['build', '-o', env.NACRE_BINARY, './cmd/nacre'], join(root, '../..'), { ...env, CGO_ENABLED: '0' })
    if (built !== 0) return built
  }
  const wanted = process.argv.slice(2)
  const files = readdirSync(join(root, 'dist/test')).filter(file => file.endsWith('.test.js'))
    .filter(file => wanted.length === 0 || wanted.includes(file.replace('.test.js', '')))
  return run(process.execPath, ['--test', '--test-reporter=spec', ...files.map(file => join('dist/test', file))], root, env)
}

function run(command, args, cwd, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: 'inherit' })
  if (error) console.error(`${command}: ${error.message}`)
  return status ?? 1
}
