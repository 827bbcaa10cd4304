// Builds dist/esm and dist/cjs: the same sources, compiled twice.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

for (const [kind, config, type] of [['esm', 'tsconfig.json', 'module'], ['cjs', 'tsconfig.cjs.json', 'commonjs']]) {
  rmSync(`${root}dist/${kind}`, { recursive: true, force: true })
  execFileSync(process.execPath, [tsc, '-p', `${root}${config}`], { stdio: 'inherit' })
  // What Node takes the files for, whatever the package's own "type" is.
  writeFileSync(`${root}dist/${kind}/package.json`, JSON.stringify({ type, sideEffects: false }) + '\n')
}
