// Builds examples into the folder build: node scripts/build.mjs counter probe
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

import { link, root } from "./link.mjs";

link();
mkdirSync(join(root, "build"), { recursive: true });
for (const example of process.argv.slice(2)) {
  const dir = join(root, "examples", example);
  process.chdir(dir);
  const { error, stderr } = await asc.main([
    join("assembly", "index.ts"),
    "--config", "asconfig.json",
    "--target", "release",
    "--path", join(root, "node_modules"),
    "--outFile", join(root, "build", `${example}.wasm`),
  ]);
  if (error) {
    console.error(stderr.toString());
    console.error(`${example}: ${error.message}`);
    process.exit(1);
  }
}
