import { BackendUnavailableError, DisposedError, OptionError, ShapeError, ShowtellError } from "@showtell/core";
import { describe, expect, it } from "vitest";
import { callSite, fromNative, settle } from "./native-errors.js";

function nativeError(code: string | undefined, message = "Expected 4 values for pooled but received 3.") {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

async function seamMethod(error: Error): Promise<void> {
  return settle(callSite(seamMethod), () => Promise.reject(error));
}

describe("errors of the addon", () => {
  it.each([
    ["shape", ShapeError],
    ["option", OptionError],
    ["disposed", DisposedError],
    ["unavailable", BackendUnavailableError],
    ["memory", ShowtellError],
  ])("become core's class for the code %s", (code, type) => {
    const error = fromNative(nativeError(code), callSite(nativeError));
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toContain("Expected 4 values for pooled but received 3.");
  });

  it("carry the stack of the caller, not of the worker", async () => {
    async function userCode() {
      await seamMethod(nativeError("shape"));
    }
    const error = await userCode().catch((e: Error) => e);
    expect(error?.stack).toMatch(/^ShapeError: Expected 4 values/);
    expect(error?.stack).toContain("userCode");
    expect(error?.stack).not.toContain("seamMethod");
  });

  it("keep what they are without a known code, with the caller added", async () => {
    const bug = nativeError(undefined, "broken invariant");
    await expect(seamMethod(bug)).rejects.toBe(bug);
    expect(bug.stack).toContain("called:\n");
  });

  it("are caught when thrown at once as well", async () => {
    const thrown = settle(callSite(nativeError), () => {
      throw nativeError("disposed", "gone");
    });
    await expect(thrown).rejects.toBeInstanceOf(DisposedError);
  });
});
