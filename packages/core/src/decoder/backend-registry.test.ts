import { describe, expect, it } from "vitest";
import { BackendUnavailableError, OptionError, ShowtellError } from "../errors.js";
import { TableDecoder } from "../testing/table-decoder.js";
import type { Backend, BackendName } from "./backend.js";
import { type BackendCandidate, openBackend } from "./backend-registry.js";

const { spec } = new TableDecoder({ vocabSize: 5, logits: () => [0, 0, 0, 0, 0] });

function backendNamed(name: BackendName, supports: true | string = true): Backend & { disposals: number } {
  return {
    name,
    device: { kind: "cpu", description: name, libraries: {} },
    disposals: 0,
    supports: () => supports,
    createDecoder: () => Promise.reject(new Error("not asked for")),
    async dispose() {
      this.disposals++;
    },
  };
}

const opens = (backend: Backend, device?: string): BackendCandidate => ({
  name: backend.name,
  ...(device && { device }),
  open: async () => backend,
});

const refuses = (name: BackendName, error: unknown): BackendCandidate => ({ name, open: () => Promise.reject(error) });

describe("openBackend", () => {
  it("takes the first candidate that opens and keeps the refusals before it", async () => {
    const cpu = backendNamed("native-cpu");
    const { backend, attempts } = await openBackend("auto", [
      refuses("native-cuda", new ShowtellError("no driver", { hint: "Install one." })),
      opens(cpu),
      refuses("tfjs", new Error("never asked")),
    ]);
    expect(backend).toBe(cpu);
    expect(attempts).toEqual([{ name: "native-cuda", reason: "no driver. Install one" }]);
  });

  it("tries only candidates of the chosen name", async () => {
    const wasm = backendNamed("tfjs");
    const candidates = [
      opens(backendNamed("native-cpu")),
      { ...refuses("tfjs", new Error("no binary\nat line 3")), device: "tfjs-node" },
      opens(wasm, "wasm"),
    ];
    const { backend, attempts } = await openBackend("tfjs", candidates);
    expect(backend).toBe(wasm);
    expect(attempts).toEqual([{ name: "tfjs (tfjs-node)", reason: "no binary" }]);
  });

  it("goes past a backend that cannot compute the decoder, and disposes it", async () => {
    const unable = backendNamed("native-cuda", "16 layers are too many");
    const able = backendNamed("native-cpu");
    const { backend, attempts } = await openBackend("auto", [opens(unable), opens(able)], { spec });
    expect(backend).toBe(able);
    expect(unable.disposals).toBe(1);
    expect(attempts).toEqual([{ name: "native-cuda", reason: "16 layers are too many" }]);
  });

  it("fails with every reason when nothing is left", async () => {
    const failing = openBackend("auto", [refuses("native-cpu", new Error("a")), refuses("tfjs", "b")]);
    await expect(failing).rejects.toThrow(BackendUnavailableError);
    await expect(failing).rejects.toThrow("native-cpu: a; tfjs: b");
    await expect(openBackend("native-cuda", [])).rejects.toThrow("native-cuda: nothing installed offers it");
  });

  it("refuses a choice that does not exist", async () => {
    await expect(openBackend("gpu" as "auto", [])).rejects.toThrow(OptionError);
  });
});
