import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { root } from "../scripts/link.mjs";
import { compile, instantiate, Random } from "./guest.mjs";

let binary;
let work;

before(async () => {
  work = mkdtempSync(join(tmpdir(), "nacre-"));
  process.chdir(root);
  binary = await compile(join("examples", "probe", "assembly", "index.ts"), join(work, "probe.wasm"), "-O1");
});

after(() => rmSync(work, { recursive: true }));

const decide = (guest, request) => JSON.parse(guest.call("nacre_decide", typeof request === "string" ? request : JSON.stringify(request)));

test("broken requests have a reply", async () => {
  const guest = await instantiate(binary);
  const requests = [
    '{"id":"a","keep":1,"command":"add","payload":{"by":1},"context":{"time":"2026-01-02T03:04:05Z"}}',
    '{"id":"a","held":1,"keep":2,"return":true,"command":"who","payload":{},"context":{"actor":"b","metadata":{"a":[0.5]}}}',
    '{"id":"a","state":{"count":1,"note":"n","tags":["x"]},"events":[{"type":"probe.noted","data":"old","tags":["x"]}],"keep":1}',
    '{"id":"a","events":[{"type":"probe.noted","data":{"text":"\\u00e9\\ud83d\\ude00"},"schemaVersion":2}],"return":true}',
    '{"id":"a","held":2,"events":[{"type":"legacy.x","data":null},{"type":"probe.lost","data":1}],"return":true}',
  ];
  Random.each(10_000, (random) => {
    let request = random.pick(requests);
    for (let i = random.below(4); i > 0; i--) {
      const at = random.below(request.length + 1);
      const character = random.pick([..."{}[]\",:\\0123456789-.eEtrufalsn \0é"]);
      request = random.pick([request.slice(0, at), request.slice(0, at) + character + request.slice(at + random.below(2))]);
    }
    const reply = JSON.parse(guest.call(random.pick(["nacre_decide", "nacre_evolve"]), request));
    const names = Object.keys(reply);
    assert.ok(names.every((name) => ["events", "state", "error", "missing"].includes(name)), request);
    assert.ok(names.length < 2 || !(reply.error || reply.missing), request);
  });
});

test("old states are forgotten, and refusals keep what there was", async () => {
  const guest = await instantiate(binary);
  const add = (by, more) => decide(guest, { id: "ann", ...more, command: "add", payload: { by } });
  for (let keep = 1; keep <= 5000; keep++) add(1, { keep });
  assert.deepEqual(add(1, { held: 1 }), { missing: true });
  assert.equal(add(5000, { held: 5000, keep: 9000 }).error.type, "limit");
  assert.equal(add(5, { held: 5000, return: true }).state.count, 6);
  assert.equal(add(5, { held: 5000, keep: 9001 }).events[0].data.count, 6);
  // A state that events changed before the refusal is not the one that was held.
  const events = [{ type: "probe.added", data: { by: 7, count: 900 } }];
  assert.equal(add(500, { held: 9001, events, keep: 9002 }).error.data.count, 1400);
  assert.ok(add(1, { held: 9001 }).missing || add(1, { held: 9001 }).events[0].data.count === 7);
});

test("memory does not grow", async () => {
  const guest = await instantiate(binary);
  let size = 0;
  for (let i = 0; i < 60_000; i++) {
    if (i === 30_000) size = guest.memory();
    const state = { count: i % 1000, note: "é".repeat(i % 100), tags: ["a", "b".repeat(i % 37)] };
    const reply = decide(guest, { id: "ann", state, keep: i + 1, return: i % 3 === 0, command: "note", payload: { text: "x".repeat(i % 50) } });
    if (reply.error) assert.fail(JSON.stringify(reply));
  }
  assert.equal(guest.memory(), size);
  assert.ok(size <= 8 << 20, `${size} bytes`);
});

test("what is thrown is logged, and traps", async () => {
  const guest = await instantiate(binary);
  assert.throws(() => decide(guest, { id: "ann", command: "trap" }), WebAssembly.RuntimeError);
  assert.equal(guest.logs.length, 1);
  assert.equal(guest.logs[0][0], 8);
  assert.match(guest.logs[0][1], /^asked to trap at .*index\.ts:\d+:\d+$/);
});

test("what is logged has a level, a message and fields", async () => {
  const guest = await instantiate(binary);
  assert.deepEqual(decide(guest, { id: "ann", command: "log", payload: { text: 'a "text"' } }), {});
  assert.deepEqual(guest.logs.map(([level, text]) => [level, JSON.parse(text)]), [[0, { message: 'a "text"', command: "log" }]]);
});
