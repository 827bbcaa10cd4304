import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as esm from '@nacredb/client'

const root = fileURLToPath(new URL('../..', import.meta.url))
const require = createRequire(import.meta.url)

describe('the package', () => {
  it('is as it is built for import and for require', () => {
    const cjs = require('@nacredb/client') as typeof esm
    assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort())
    assert.notEqual(cjs.NacreClient, esm.NacreClient)
    // Errors of one are known to the guards of the other.
    try {
      new cjs.NacreClient({ baseUrl: 'nowhere' })
      assert.fail('it did not fail')
    } catch (error) {
      assert(esm.isValidationError(error))
      assert(!esm.isNotFoundError(error))
    }
  })

  it('has types for import and for require', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const kind of ['import', 'require']) {
      for (const file of Object.values<string>(exports['.'][kind])) assert(statSync(join(root, file)).isFile())
    }
  })

  it('needs no other package', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    assert.equal(dependencies, undefined)
    for (const version of Object.values<string>(devDependencies)) assert.match(version, /^[0-9]/)
    for (const file of filesOf(join(root, 'dist/esm')).filter(name => name.endsWith('.js'))) {
      const found = [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s[^;'"]*?\bfrom ['"]([^'"]+)['"]|\bimport\((.+?)\)/gm)].map(match => match[1] ?? match[2] ?? '')
      assert(found.length > 0 || !/^import/m.test(readFileSync(file, 'utf8')), file)
      for (const name of found) assert(name.startsWith('.'), `${file} imports ${name}`)
    }
  })

  it('has types that are as spec/openapi.yaml says', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], { cwd: root, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  it('has no source that is too long', () => {
    for (const file of filesOf(join(root, 'src')).filter(name => !name.includes('generated'))) {
      assert(readFileSync(file, 'utf8').split('\n').length <= 400, file)
    }
  })

  it('is described by examples that compile', () => {
    const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(match => match[1] ?? '')
    assert(blocks.length >= 8)
    const ts = require('typescript') as typeof import('typescript')
    const options: import('typescript').CompilerOptions = {
      strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext,
      // Without the DOM's types, as programs for Node are compiled, and with a look into those of the package.
      moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'], lib: ['lib.es2022.d.ts'],
    }
    const name = (i: number) => join(root, `readme-${i}.mts`)
    const texts = new Map(blocks.map((block, i) => [name(i), `${block}\nexport {}\n`]))
    const host = ts.createCompilerHost(options)
    const { readFile, fileExists } = host
    host.readFile = file => texts.get(file) ?? readFile(file)
    host.fileExists = file => texts.has(file) || fileExists(file)
    const getSourceFile = host.getSourceFile.bind(host)
    host.getSourceFile = (file, ...rest) => {
      const text = texts.get(file)
      return text === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, text, ts.ScriptTarget.ES2022)
    }
    const problems = ts.getPreEmitDiagnostics(ts.createProgram([...texts.keys()], options, host))
    assert.equal(ts.formatDiagnostics(problems, { getCurrentDirectory: () => root, getCanonicalFileName: f => f, getNewLine: () => '\n' }), '')
  })

  it('is packed with what it needs, and no more', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const [{ files }] = JSON.parse(execFileSync(npm, ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    const names = files.map((file: { path: string }) => file.path)
    for (const wanted of ['LICENSE', 'README.md', 'package.json', 'dist/esm/index.js', 'dist/esm/index.d.ts', 'dist/cjs/index.js', 'dist/cjs/package.json']) {
      assert(names.includes(wanted), wanted)
    }
    assert.deepEqual(names.filter((name: string) => /test|^src|node_modules/.test(name)), [])
  })
})

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? filesOf(join(folder, entry.name)) : [join(folder, entry.name)])
}
