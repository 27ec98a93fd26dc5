import { readFileSync } from "node:fs";

/** Showtell's, from its manifest: one folder up both from the sources and from the built files. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}
