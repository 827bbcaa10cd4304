// What DeltaBase's introduction to its concepts shows, run as it stands there: in JavaScript, with the names that it
// uses, against a server. What it leaves out, such as "items: [...]", is filled in.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { DeltaBase } from '@nacredb/client'
import { Receiver } from './support/receiver.js'
import { TestServer } from './support/server.js'
import { needsSubscriptions } from './support/subscriptions.js'

let server
let eventStore
let eventBus
before(async () => {
  server = await TestServer.startWithWebhooks()
})
after(() => server.stop())

let stores = 0
beforeEach(async () => {
  const deltabase = new DeltaBase({ apiKey: '', baseUrl: `${server.url}/api` })
  const name = `seed-${++stores}`
  await deltabase.getManagement().createEventStore({ name })
  eventStore = deltabase.getEventStore(name)
  eventBus = deltabase.getEventBus(name)
})

let ids = 0
const generateId = () => `user-${++ids}`

function buildUserFromEvents(events) {
  let user = { id: null, email: null, verified: false, name: null };

  for (const event of events) {
    switch (event.type) {
      case 'user.registered':
        user.id = event.streamId;
        user.email = event.data.email;
        break;

      case 'user.email_verified':
        user.verified = true;
        break;

      case 'user.profile_updated':
        if (event.data.name) user.name = event.data.name;
        if (event.data.email) user.email = event.data.email;
        break;
    }
  }

  return user;
}

// Command: Register a user
async function registerUser(email, name) {
  const userId = generateId();

  await eventStore.appendToStream(userId, [
    { type: 'user.registered', data: { email, name } }
  ]);

  return userId;
}

// Query: Get user profile
async function getUserProfile(userId) {
  const events = await eventStore.readStream(userId);
  return buildUserFromEvents(events);
}

describe("DeltaBase's concepts", () => {
  it('events are facts', async () => {
    // Good events - past tense, factual
    const placed = { type: 'order.placed', data: { customerId: 'abc', total: 99.99, items: ['a', 'b'] } }
    const authorized = { type: 'payment.authorized', data: { orderId: '123', amount: 99.99, cardLast4: '1234' } }

    await eventStore.appendToStream('order-123', [placed]);
    await eventStore.appendToStream('payment-123', [authorized]);

    const [event] = await eventStore.readStream('payment-123');
    assert.deepEqual({ type: event.type, data: event.data }, authorized);
    // What is added to them.
    assert.equal(event.streamId, 'payment-123');
    assert.equal(event.streamPosition, 0);
    assert.equal(event.globalPosition, 2);
    assert.equal(typeof event.eventId, 'string');
    assert(Date.parse(event.createdAt) > Date.parse('2024-01-01'));
  })

  it('metadata is optional context', async () => {
    await eventStore.appendToStream('user-1', [{ type: 'user.registered', data: {}, metadata: { who: 'ann', why: 'invited' } }]);
    assert.deepEqual((await eventStore.readStream('user-1'))[0].metadata, { who: 'ann', why: 'invited' });
  })

  it('streams are sequences of related events', async () => {
    // Stream: user-123
    await eventStore.appendToStream('user-123', [
      { type: 'user.registered', data: { email: 'john@example.com' } },
      { type: 'user.email_verified', data: { verifiedAt: '...' } },
      { type: 'user.profile_updated', data: { name: 'John Doe' } }
    ]);
    // Stream: order-456
    await eventStore.appendToStream('order-456', [
      { type: 'order.placed', data: { customerId: 'user-123', total: 99.99 } },
      { type: 'order.paid', data: { paymentId: 'pay_abc' } },
      { type: 'order.shipped', data: { trackingNumber: 'TRK123' } }
    ]);

    assert.deepEqual((await eventStore.readStream('order-456')).map(event => event.type), ['order.placed', 'order.paid', 'order.shipped']);
    assert.deepEqual(buildUserFromEvents(await eventStore.readStream('user-123')),
      { id: 'user-123', email: 'john@example.com', verified: true, name: 'John Doe' });
    assert.deepEqual((await eventStore.listStreams()).map(stream => stream.streamId), ['order-456', 'user-123']);
  })

  it('commands append, queries fold', async () => {
    const userId = await registerUser('john@example.com', 'John Doe');
    assert.deepEqual(await getUserProfile(userId), { id: userId, email: 'john@example.com', verified: false, name: null });
    assert.deepEqual(await getUserProfile('user-0'), { id: null, email: null, verified: false, name: null });
  })

  it('a stale version is a conflict with the status 409', async () => {
    const updateEvent = { type: 'order.updated', data: { total: 89.99 } }
    const told = [];
    const console = { log: text => told.push(text) };
    await eventStore.appendToStream('order-123', [{ type: 'order.placed', data: { total: 99.99 } }]);

    async function update(meanwhile) {
      // Load current version
      const events = await eventStore.readStream('order-123');
      const currentVersion = events.length - 1;

      await meanwhile();

      // Try to append, expecting specific version
      try {
        await eventStore.appendToStream('order-123', [updateEvent], {
          expectedStreamVersion: currentVersion
        });
      } catch (error) {
        if (error.status === 409) {
          // Someone else modified it - handle the conflict
          console.log('Order was modified by someone else');
        }
      }
    }

    await update(async () => {});
    assert.deepEqual(told, []);
    assert.equal((await eventStore.readStream('order-123')).length, 2);
    await update(() => eventStore.appendToStream('order-123', [{ type: 'order.cancelled', data: {} }]));
    assert.deepEqual(told, ['Order was modified by someone else']);
    assert.deepEqual((await eventStore.readStream('order-123')).map(event => event.type), ['order.placed', 'order.updated', 'order.cancelled']);
  })

  it('an event store keeps both values', async () => {
    await eventStore.appendToStream('user-123', [
      { type: 'user.email_changed', data: { oldEmail: 'old@example.com', newEmail: 'new@example.com' } }
    ]);
    const { events } = await eventStore.readStream('user-123');
    assert.deepEqual(events[0].data, { oldEmail: 'old@example.com', newEmail: 'new@example.com' });
  })

  it('projections build views of events', async () => {
    const rows = new Map();
    const db = {
      userSummaries: {
        create: async row => { rows.set(row.userId, row) },
        update: async (id, change) => { rows.set(id, { ...rows.get(id), ...change }) },
      },
    };

    // Projection: User summary view
    async function updateUserSummaryView(event) {
      switch (event.type) {
        case 'user.registered':
          await db.userSummaries.create({
            userId: event.streamId,
            email: event.data.email,
            status: 'registered',
            createdAt: event.createdAt
          });
          break;

        case 'user.email_verified':
          await db.userSummaries.update(event.streamId, { status: 'verified' });
          break;
      }
    }

    await eventStore.appendToStream('user-1', [{ type: 'user.registered', data: { email: 'a@example.com' } }]);
    await eventStore.appendToStream('user-2', [{ type: 'user.registered', data: { email: 'b@example.com' } }]);
    await eventStore.appendToStream('user-1', [{ type: 'user.email_verified', data: {} }]);
    let count = 0;
    for await (const event of eventBus.subscribe('user.*')) {
      await updateUserSummaryView(event);
      if (++count === 3) break;
    }
    assert.deepEqual([...rows.values()].map(row => [row.userId, row.email, row.status]), [
      ['user-1', 'a@example.com', 'verified'], ['user-2', 'b@example.com', 'registered']]);
  })

  it('a webhook is told of events', async t => {
    if (!(await needsSubscriptions(t, eventBus))) return;
    const receiver = await Receiver.start();
    try {
      // Subscribe to user events
      await eventBus.subscribeWebhook('user.*', receiver.url);

      await eventStore.appendToStream('order-1', [{ type: 'order.placed', data: {} }]);
      await eventStore.appendToStream('user-123', [{ type: 'user.registered', data: { email: 'john@example.com' } }]);
      await receiver.count(1);
      const { event } = JSON.parse(receiver.received[0].body);
      assert.equal(event.type, 'user.registered');
      assert.deepEqual(event.data, { email: 'john@example.com' });
      assert.equal(event.streamId, 'user-123');
      assert(Date.parse(event.createdAt) > 0);
    } finally {
      await receiver.stop();
    }
  })
})
