// Bundles the package in the current folder: its own modules and libraries that are JavaScript all through, from src/ into dist/. A command that captions
// one photo spends most of its time starting, and finding some 250 module files took four times as long as reading them from one. Types come from tsc.
//   node ../../scripts/bundle.mjs
// The package's manifest says what: "bundle": { "entries": { name: source }, "libraries": [bundled dependencies], "copies": { file: source } }
import { copyFile, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";

const { bundle, dependencies = {}, optionalDependencies = {} } = JSON.parse(await readFile("package.json", "utf8"));
const external = [...Object.keys(dependencies), ...Object.keys(optionalDependencies), "vitest"].filter(
  (name) => !bundle.libraries.includes(name),
);
const output = resolve("dist");

// Chunks carry hashes in their names: those of earlier builds would stay.
for (const file of await readdir(output)) {
  if (/\.m?js(\.map)?$/.test(file)) await rm(join(output, file));
}
const build = await rolldown({
  input: Object.fromEntries(Object.entries(bundle.entries).map(([name, source]) => [name, resolve(source)])),
  platform: "node",
  transform: { target: "node20.17" },
  external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
});
await build.write({ dir: output, format: "esm", chunkFileNames: "[name]-[hash].js", sourcemap: true });
await build.close();
for (const [file, source] of Object.entries(bundle.copies ?? {})) await copyFile(source, join(output, file));
