#!/usr/bin/env node
import { existsSync } from "node:fs";
import module from "node:module";

// Compiled code is kept between runs where Node can do it (22.1 and later): a colder start is most of a short caption run.
module.enableCompileCache?.();

const entry = new URL("../dist/main.js", import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  console.error("Expected a built command in packages/cli/dist but found none.\nHint: pnpm turbo build");
  process.exitCode = 2;
}
