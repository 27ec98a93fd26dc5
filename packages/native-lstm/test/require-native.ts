/**
 * Tests of the real addon are skipped with the reason where it was not built, and fail instead where SHOWTELL_REQUIRE_NATIVE=1 says that it must be there.
 */
import type { Backend } from "@showtell/core";
import { describe, it } from "vitest";
import type { NativeAddon } from "../src/binding.js";
import { loadBinding } from "../src/load-binding.js";
import { openNativeBackend } from "../src/native-backend.js";

const { addon, path, attempts } = await loadBinding();
const absence = attempts.map((attempt) => `${attempt.path} ${attempt.reason}`).join("; ");

/** What a test of the real addon gets. */
export interface LoadedNative {
  readonly addon: NativeAddon;
  readonly path: string;
  open(): Promise<Backend>;
}

/** `describe` for suites that need the addon. */
export function describeNative(name: string, suite: (native: LoadedNative) => void): void {
  if (addon !== undefined && path !== undefined) {
    describe(name, () => suite({ addon, path, open: () => openNativeBackend("cpu") }));
  } else if (process.env["SHOWTELL_REQUIRE_NATIVE"] === "1") {
    it(name, () => {
      throw new Error(`Expected a native addon, as SHOWTELL_REQUIRE_NATIVE=1 asks, but received none: ${absence}.`);
    });
  } else {
    describe.skip(`${name} (skipped: ${absence})`, () => it("needs the native addon", () => {}));
  }
}

/** `describe` for suites that need a GPU: SHOWTELL_REQUIRE_CUDA=1 says that there is one. */
export function describeCuda(name: string, suite: (open: () => Promise<Backend>) => void): void {
  const reason = cudaAbsence();
  if (reason === undefined) {
    describe(name, () => suite(() => openNativeBackend("cuda")));
  } else if (process.env["SHOWTELL_REQUIRE_CUDA"] === "1") {
    it(name, () => {
      throw new Error(`Expected a CUDA device, as SHOWTELL_REQUIRE_CUDA=1 asks, but received none: ${reason}`);
    });
  } else {
    describe.skip(`${name} (skipped: ${reason})`, () => it("needs a CUDA device", () => {}));
  }
}

function cudaAbsence(): string | undefined {
  if (addon === undefined) return absence;
  try {
    addon.deviceInfo("cuda");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
