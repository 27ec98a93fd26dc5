import { describe, expect, it } from "vitest";
import { createSession } from "./create-session.mjs";

/** In place of ONNX Runtime's InferenceSession: remembers what was asked for, and fails for the providers it lacks. */
function runtimeWith(...providers: string[]) {
  const asked: (readonly unknown[])[] = [];
  return {
    asked,
    async create(_weights: Uint8Array, options: { executionProviders?: readonly unknown[] }) {
      const wanted = options.executionProviders ?? ["cpu"];
      asked.push(wanted);
      const missing = wanted.find((provider) => !providers.includes(String(provider)));
      if (missing !== undefined) throw new Error(`no ${missing} here`);
      return { provider: wanted[0] } as never;
    },
  };
}

const create = (runtime: ReturnType<typeof runtimeWith>, device: "auto" | "cpu" | "cuda") =>
  createSession(runtime, new Uint8Array(), { interOpNumThreads: 1 }, device);

describe("createSession", () => {
  it("takes the GPU by itself where that works", async () => {
    const runtime = runtimeWith("cpu", "cuda");
    expect(await create(runtime, "auto")).toEqual({ session: { provider: "cuda" }, device: "cuda" });
    expect(runtime.asked).toEqual([["cuda"]]);
  });

  it("goes on with the CPU where the GPU fails, and says why", async () => {
    const runtime = runtimeWith("cpu");
    expect(await create(runtime, "auto")).toEqual({
      session: { provider: "cpu" },
      device: "cpu",
      cudaFailure: "no cuda here",
    });
    expect(runtime.asked).toEqual([["cuda"], ["cpu"]]);
  });

  it("does not try the GPU when told to take the CPU, nor the CPU when told to take the GPU", async () => {
    const runtime = runtimeWith("cpu");
    expect(await create(runtime, "cpu")).toEqual({ session: { provider: "cpu" }, device: "cpu" });
    await expect(create(runtime, "cuda")).rejects.toThrow("no cuda here");
    expect(runtime.asked).toEqual([["cpu"], ["cuda"]]);
  });

  it("fails with the CPU's reason where neither works", async () => {
    await expect(create(runtimeWith(), "auto")).rejects.toThrow("no cpu here");
  });
});
