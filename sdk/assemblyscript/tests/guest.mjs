// Builds the module of the tests, and calls it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

import { link, root } from "../scripts/link.mjs";

/** Compiles a file, and gives the binary; what the compiler says is the error's message. */
export async function compile(source, out, ...more) {
  link();
  const { error, stderr } = await asc.main([
    source,
    "--outFile", out,
    "--runtime", "incremental",
    "--exportStart", "_initialize",
    "--path", join(root, "node_modules"),
    "--transform", join(root, "transform", "index.mjs"),
    "--use", "abort=~lib/@nacredb/guest/assembly/log/abort",
    ...more,
  ]);
  if (error) throw new Error(`${stderr}\n${error.message}`);
  return readFileSync(out);
}

/** An instance, as functions from JSON to JSON. */
export async function instantiate(binary) {
  const logs = [];
  const { instance } = await WebAssembly.instantiate(binary, {
    nacre: {
      log: (level, at, length) => logs.push([level, Buffer.from(instance.exports.memory.buffer, at, length).toString()]),
    },
  });
  const { exports } = instance;
  exports._initialize();
  const take = (place) => {
    const at = Number(BigInt.asUintN(32, place >> 32n));
    const length = Number(BigInt.asUintN(32, place));
    return Buffer.from(exports.memory.buffer, at, length).toString();
  };
  return {
    logs,
    memory: () => exports.memory.buffer.byteLength,
    call(name, ...texts) {
      if (texts.length === 0) return take(exports[name]());
      const bytes = Buffer.from(texts[0]);
      const at = (exports.alloc ?? exports.nacre_alloc)(bytes.length) >>> 0;
      Buffer.from(exports.memory.buffer).set(bytes, at);
      return take(exports[name](at, bytes.length));
    },
  };
}

/** Random choices that a seed repeats. */
export class Random {
  constructor(seed) {
    this.state = BigInt(seed);
  }

  static seeds(times) {
    const given = process.env.NACRE_SEED;
    if (given !== undefined) return [given];
    const now = BigInt(Date.now()) * 1_000_000n;
    return Array.from({ length: times }, (_, i) => now + BigInt(i));
  }

  /** Runs a test once for each seed; the error of one that fails says how to repeat it. */
  static each(times, test) {
    for (const seed of Random.seeds(times)) {
      try {
        test(new Random(seed));
      } catch (error) {
        error.message += `\nseed ${seed}; again: NACRE_SEED=${seed} npm test`;
        throw error;
      }
    }
  }

  bits() {
    // SplitMix64: any seed will do.
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }

  below(bound) {
    return Number(this.bits() % BigInt(bound));
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  text() {
    const some = ["a", "Z", "0", '"', "\\", "/", "\0", "\u001f", "\n", "\u007f", "é", "€", "\u2028", "😀"];
    return Array.from({ length: this.below(9) }, () => this.pick(some)).join("");
  }

  value(depth) {
    switch (this.below(depth === 0 ? 4 : 6)) {
      case 0:
        return null;
      case 1:
        return this.below(2) === 0;
      case 2:
        return this.pick([this.below(100), -this.below(1e9), this.below(1000) / 64, this.below(99) * 1e-9, this.below(99) * 1e30]);
      case 3:
        return this.text();
      case 4:
        return Array.from({ length: this.below(4) }, () => this.value(depth - 1));
      default:
        return Object.fromEntries(Array.from({ length: this.below(4) }, () => [this.text(), this.value(depth - 1)]));
    }
  }
}
