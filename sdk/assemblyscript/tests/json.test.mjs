import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { root } from "../scripts/link.mjs";
import { compile, instantiate, Random } from "./guest.mjs";

let guest;
let work;

before(async () => {
  work = mkdtempSync(join(tmpdir(), "nacre-"));
  process.chdir(root);
  guest = await instantiate(await compile(join("tests", "module.ts"), join(work, "tests.wasm"), "-O1"));
});

after(() => rmSync(work, { recursive: true }));

const ok = (name, text, want) => assert.deepEqual(JSON.parse(guest.call(name, text)), want ?? JSON.parse(text), `${name}: ${text}`);
const wrong = (name, text, message) => {
  const reply = guest.call(name, text);
  assert.ok(reply.startsWith('"!'), `${name}: ${text} came to ${reply}`);
  if (message !== undefined) assert.equal(JSON.parse(reply), "!" + message, text);
};

test("what is JSON", () => {
  for (const text of ["null", "true", "false", "0", "-0", "12", "-1.5", "1e3", "1E+3", "0.10e-2", '""', "[]", "[1,[2],{}]", "{}",
    '"a\\u00e9\\ud83d\\ude00"', '{"a":{"b":[]}}', ' { "a" : 1 , "b" : [ 1 , 2 ] }\n', '"\u2028\u007f"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"']) {
    ok("raw", text);
  }
  for (const text of ["", " ", "nul", "nulll", "True", "01", "-", "+1", "1.", ".5", "1e", "1e+", "--1", "0x1", "NaN", "1 2", '"', '"a',
    '"\\"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"', '"\\ud800\\ud800"', '"\n"', '"\0"', "'a'",
    "[", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "]", "[}", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{,}",
    '{"a" 1}', "{a:1}", "{1:1}", "{]", "[1]]", "// a\n1", "\ufeff1", '{"a":1 "b":2}', '"\\', '"\\u', "\u00a01", '"\\é"', '"\\ué000"', "\0"]) {
    wrong("raw", text);
  }
});

test("integers are whole and in range", () => {
  const one = (name, number) => `{"${name}":${number}}`;
  const exact = (name, number) => {
    const reply = guest.call("numbers", one(name, number));
    assert.ok(reply.includes(`"${name}":${number}`), `${name} ${number}: ${reply}`);
  };
  for (const [name, least, most] of [["a", -128n, 127n], ["b", 0n, 255n], ["c", -(1n << 31n), (1n << 31n) - 1n], ["d", 0n, (1n << 32n) - 1n],
    ["e", -(1n << 63n), (1n << 63n) - 1n], ["f", 0n, (1n << 64n) - 1n]]) {
    for (const number of [least, least + 1n, 0n, 1n, 10n, most - 1n, most]) exact(name, number);
    for (const number of [least - 1n, most + 1n, most * 10n, most * 100n, "1.0", "1e1", '"1"', "null", "true", "[1]", "01"]) {
      wrong("numbers", one(name, number));
    }
  }
  ok("numbers", '{"e":-0}', { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0 });
  wrong("numbers", '{"a":200}', "a: 200 is no integer of i8");
});

test("floats come back", () => {
  wrong("floats", "[1e400]");
  ok("floats", "[2.4703282292062327e-324,2.4703282292062328e-324,1.7976931348623158e308,9007199254740992.5,9007199254740993.0000001]");
  ok("floats", `[0.${"0".repeat(900)}1e900,${"1".repeat(1000)}e-990,${"9".repeat(850)}e-849,1e-99999999999999999999,0e99999999999999999999]`);
  // What lies in the middle between two of them, and a little more.
  ok("floats", `[1${"0".repeat(22)}8388608,1.00000000000000011102230246251565404236316680908203125]`);
  ok("floats", `[1.00000000000000011102230246251565404236316680908203125${"0".repeat(800)}1]`);
  wrong("floats", "[1.797693134862315808e308]");
  wrong("floats", "[1e99999999999999999999]");
  wrong("numbers", '{"h":3.4028235677973367e38}');
  ok("floats", "[0,-0.0,1,1e300,5e-324,1.7976931348623157e308,2.2250738585072014e-308,9007199254740993,0.1]");
  Random.each(3000, (random) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, random.bits());
    const number = view.getFloat64(0);
    if (Number.isFinite(number)) ok("floats", `[${number}]`);
    const small = Math.fround(number);
    if (Number.isFinite(small) && small !== 0) {
      assert.equal(Math.fround(JSON.parse(guest.call("numbers", `{"h":${small}}`)).h), small);
    }
    for (const power of [0, 300, 345, 10]) ok("floats", `[${random.bits()}.${random.bits()}e${random.below(600) % 280 - power}]`);
    ok("floats", `[${random.below(1000)}.${random.below(1000)}e${random.below(60) - 30}]`);
    const exact = `0.${random.bits()}${random.bits()}e${random.below(80) - 45}`;
    if (Math.fround(Number(exact)) < Infinity) {
      // Rounded to 53 bits and then to 24, half of the way may seem to be the middle: those are left out.
      const twice = Math.fround(Number(exact));
      const got = Math.fround(JSON.parse(guest.call("numbers", `{"h":${exact}}`)).h);
      assert.ok(Math.abs(got - twice) <= twice * 2 ** -23 + 2 ** -149, `${exact}: ${got}, ${twice}`);
    }
  });
});

test("depth is bounded for values and free for what is passed over", () => {
  const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);
  const things = (depth) => '{"id":1,"o\\"dd type":"","other":'.repeat(depth) + "null" + "}".repeat(depth);
  assert.ok(!guest.call("thing", things(128)).startsWith('"!'));
  wrong("thing", things(129));
  ok("depth", "[[[1],[]],[]]");
  wrong("depth", "[[[1,],[]],[]]");
  assert.equal(guest.call("raw", nested(100_000)), nested(100_000));
  wrong("raw", "[".repeat(100_000));
  wrong("raw", '{"a":'.repeat(100_000));
});

test("classes", () => {
  const all = { id: 3, 'o"dd type': "x", sizes: [7], ratio: 0.5, yes: false, inner: {}, raw: null };
  ok("thing", '{"o\\"dd type":"x","id":3}', all);
  ok("thing", '{"\\u006f\\"dd type":"x","id":3,"more":[1,{}],"note":null}', all);
  ok("thing", '{"id":3,"o\\"dd type":"x","sizes":[],"ratio":2,"yes":true,"raw":{"a":[1.50]},"note":"n"}',
    { ...all, sizes: [], ratio: 2, yes: true, raw: { a: [1.5] }, note: "n" });
  ok("thing", '{"id":1,"o\\"dd type":"","inner":{"é":null,"b":{"id":2,"o\\"dd type":""}}}',
    { ...all, id: 1, 'o"dd type': "", inner: { é: null, b: { ...all, id: 2, 'o"dd type': "" } } });
  wrong("strictThing", '{"id":3,"o\\"dd type":"x","more":1}', 'the member "more" is not known');
  wrong("strictThing", '{"id":1,"o\\"dd type":"","other":{"id":2,"o\\"dd type":"","x":1}}', 'other: the member "x" is not known');
  wrong("thing", '{"id":3}', 'the member "o"dd type" is missing');
  wrong("thing", '{"id":3,"id":3}', 'the member "id" is there twice');
  wrong("thing", '{"id":3,"\\u0069d":3}', 'the member "id" is there twice');
  wrong("thing", '{"id":null}', "id: wanted a number, found null");
  wrong("thing", '{"inner":{"b":{"sizes":[1,2,"3"]}}}', "inner.b.sizes.2: wanted a number, found a text");
  wrong("thing", '{"inner":{"a":null,"a":null}}', 'inner: the member "a" is there twice');
  ok("nothing", "{}");
  ok("nothing", "null", {});
  wrong("nothing", '{"a":1}');
  wrong("nothing", "[]");
});

test("what has no JSON", () => {
  assert.match(JSON.parse(guest.call("half")), /^!.*surrogate/);
  assert.match(JSON.parse(guest.call("infinite")), /^!.*infinite/);
});

test("contexts", () => {
  const ask = (context) => JSON.parse(guest.call("context", JSON.stringify(context)));
  for (const time of ["1970-01-01T00:00:00Z", "2000-02-29T12:00:00.5Z", "2026-01-02T03:04:05.678901234Z", "2026-12-31T23:59:59.01Z",
    "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"]) {
    const want = Date.parse(time.replace(/(\.\d{3})\d*/, "$1"));
    assert.equal(ask({ time })[0], want, time);
  }
  const [, numbers, error] = ask({ time: "1970-01-01T00:00:00Z", metadata: { a: 7, more: [] }, more: {} });
  assert.equal(numbers.a, 7);
  assert.equal(error, null);
  assert.match(ask({ time: "1970-01-01T00:00:00Z", metadata: { a: "x" } })[2], /^the context's metadata: a: wanted a number/);
});

test("patterns", () => {
  for (const [pattern, type, want] of [["order.placed", "order.placed", true], ["order.placed", "order.placed2", false],
    ["order.*", "order.placed", true], ["order.*", "order.line.added", true], ["order.*", "order.", false], ["*.placed", "order.placed", true],
    ["*.placed", ".placed", false], ["*", "é", true], ["*", "", false], ["a*b*c", "aXbYc", true], ["a*b*c", "abbbc", true],
    ["a*b*c", "abc", false], ["a*a", "aa", false], ["a*a", "aaa", true]]) {
    assert.equal(guest.call("pattern", JSON.stringify([pattern, type])), String(want), `${pattern} ${type}`);
  }
});

test("random values come back", () => {
  Random.each(2000, (random) => {
    const value = random.value(4);
    const text = JSON.stringify(value, null, random.below(3));
    assert.deepEqual(JSON.parse(guest.call("raw", text)), value);
    const texts = { [random.text()]: [random.text(), null], [random.text()]: [] };
    const escaped = JSON.stringify(texts).replace(/[^\x20-\x7e]|a/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
    for (const written of [JSON.stringify(texts), escaped]) ok("texts", written, texts);
    ok("text", JSON.stringify(random.text()));
  });
});

test("broken texts are refused as JSON.parse refuses them", () => {
  Random.each(10_000, (random) => {
    let text = JSON.stringify(random.value(4));
    for (let i = random.below(3); i >= 0; i--) {
      const at = random.below(text.length + 1);
      const character = random.pick([..."{}[]\",:\\u0019-.eEtfn \0é"]);
      text = text.slice(0, at) + random.pick([character, ""]) + text.slice(at + random.below(2));
    }
    text = text.toWellFormed?.() ?? text;
    let want;
    try {
      want = JSON.parse(text);
    } catch {
      wrong("raw", text);
      return;
    }
    // JSON.parse takes halves of surrogate pairs that are escaped.
    if (/[\ud800-\udfff]/.test(text) || !/\\u[dD][89a-fA-F]/.test(text)) assert.deepEqual(JSON.parse(guest.call("raw", text)), want, text);
    for (const name of ["thing", "strictThing", "texts", "numbers", "floats", "depth", "nothing"]) JSON.parse(guest.call(name, text));
  });
});
