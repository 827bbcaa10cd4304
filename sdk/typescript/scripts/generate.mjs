// Writes src/generated/openapi.ts from spec/openapi.yaml; with --check, tells whether it is as it would be written.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const spec = new URL('../../../spec/openapi.yaml', import.meta.url)
const target = new URL('../src/generated/openapi.ts', import.meta.url)

const text = `// Code generated from spec/openapi.yaml by "npm run generate". DO NOT EDIT.\n\n${astToString(await openapiTS(spec, { alphabetize: true }))}`

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('src/generated/openapi.ts is not as spec/openapi.yaml says: run "npm run generate" and commit the result')
    process.exit(1)
  }
} else {
  mkdirSync(new URL('.', target), { recursive: true })
  writeFileSync(target, text)
}
