import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";

import { root } from "../scripts/link.mjs";
import { compile } from "./guest.mjs";

let work;

before(() => {
  process.chdir(root);
  work = mkdtempSync(join(root, "tests", "tmp-"));
});

after(() => rmSync(work, { recursive: true }));

async function refused(text, message) {
  const file = join(work, "index.ts");
  writeFileSync(file, `import { Aggregate, Command, read, Reader } from "@nacredb/guest/assembly";\n${text}`);
  await assert.rejects(compile(relative(root, file), join(work, "out.wasm")), message);
}

test("what cannot be read or written is told with its class", async () => {
  await refused("class B {}\n@json class A extends B { a: i32 = 1; }", /index\.ts:3: class A: extends B/);
  await refused("@json class A { @name(1) a: i32 = 1; }", /class A: @name takes one text/);
  await refused('@json class A { @name("b") a: i32 = 1; b: i32 = 2; }', /class A: has two members of the same name/);
  await refused("class B {}\n@json class A { b: B = new B(); }\nexport function f(): A { return read<A>(new Reader(0, 0)); }",
    /this class is not marked @json/);
});
