import { after, before } from 'node:test'
import { InMemoryEventStore } from '@nacredb/client'
import { TestServer } from './support/server.js'
import { storeSuite } from './support/store-suite.js'

let server: TestServer
before(async () => {
  server = await TestServer.start()
})
after(() => server.stop())

storeSuite('a server', () => server.store())
storeSuite('in memory', async () => new InMemoryEventStore())
