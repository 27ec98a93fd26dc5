import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { describeNative } from "./require-native.js";

const script = fileURLToPath(new URL("./measure-leaks.mjs", import.meta.url));
/** Allocators keep some pages; a decoder of these sizes is 50 kB with its moments, so ten thousand leaked ones are 200 MB and more. */
const ALLOWED_GROWTH_MEGABYTES = 24;

describeNative("memory of the addon", ({ path }) => {
  it.each([
    ["create", "12 000 decoders with a state each, disposed or garbage collected"],
    ["train", "12 000 training steps"],
    ["search", "thousands of searches, gathers and parameter copies"],
  ])("stays flat (%s: %s)", async (work) => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, path, work], {
      timeout: 110_000,
    });
    const megabytes = JSON.parse(stdout) as number[];
    // The first round fills pools and caches.
    const growth = megabytes.at(-1)! - megabytes[0]!;
    expect(growth, `resident megabytes a round: ${megabytes.map((m) => m.toFixed(0)).join(", ")}`).toBeLessThan(
      ALLOWED_GROWTH_MEGABYTES,
    );
  });
});
