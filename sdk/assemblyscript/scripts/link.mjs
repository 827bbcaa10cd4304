// Lets what stands in this folder import the package by its name, as users do.
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function link() {
  const scope = join(root, "node_modules", "@nacredb");
  const guest = join(scope, "guest");
  mkdirSync(scope, { recursive: true });
  if (existsSync(join(guest, "package.json"))) return;
  rmSync(guest, { force: true });
  symlinkSync(root, guest, "junction");
}
