import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { describeNative } from "./require-native.js";

const script = fileURLToPath(new URL("./fuzz-binding.mjs", import.meta.url));

describeNative("the raw addon under wrong arguments", ({ path }) => {
  it("answers every one with a JavaScript error, never with a crash", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, path], { timeout: 110_000 });
    const { calls, errors } = JSON.parse(stdout) as { calls: number; errors: number };
    expect(calls).toBeGreaterThan(3000);
    expect(errors).toBeGreaterThan(2000);
  });
});
