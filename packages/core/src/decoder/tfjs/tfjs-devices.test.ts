import { describe, expect, it } from "vitest";
import { openBackend } from "../backend-registry.js";
import { tfjsCandidates } from "./tfjs-candidates.js";
import { openTfjsDevice, TFJS_DEVICE_NAMES } from "./tfjs-devices.js";

describe("TensorFlow.js devices", () => {
  it("are tried fastest first until one opens, with a reason for each that did not", async () => {
    expect(tfjsCandidates().map(({ device }) => device)).toEqual([...TFJS_DEVICE_NAMES]);
    const { backend, attempts } = await openBackend("tfjs", tfjsCandidates());
    expect(backend.name).toBe("tfjs");
    const tried = attempts.map(({ name }) => name);
    expect(tried).toEqual(TFJS_DEVICE_NAMES.slice(0, tried.length).map((device) => `tfjs (${device})`));
    for (const { reason } of attempts) expect(reason).toMatch(/not installed|without its binary|tensorflow/i);
    await backend.dispose();
  });

  it("say what they are", async () => {
    const { info } = await openTfjsDevice("wasm");
    expect(info.kind).toBe("cpu");
    expect(info.description).toMatch(/^tfjs \d+\.\d+\.\d+ wasm$/);
    expect(info.libraries["@tensorflow/tfjs-backend-wasm"]).toMatch(/^\d/);
  });
});
