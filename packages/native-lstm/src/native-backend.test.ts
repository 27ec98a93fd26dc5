import {
  BackendUnavailableError,
  type DecoderSpec,
  DisposedError,
  NO_DROPOUT,
  OptionError,
  parameterShapes,
  ShapeError,
  sizeOf,
} from "@showtell/core";
import { describe, expect, it } from "vitest";
import type { NativeAddon, NativeDecoder, NativeState } from "./binding.js";
import { nativeBackend } from "./native-backend.js";

const SPEC: DecoderSpec = {
  vocabSize: 6,
  featureSize: 2,
  embeddingSize: 2,
  hiddenSize: 2,
  layerCount: 1,
  imageInjection: "first-input",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: NO_DROPOUT,
};

const PARAMETERS = new Map(
  parameterShapes(SPEC).map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]),
);
const POOLED = { shape: [2, 2], data: new Float32Array(4) };

/** An addon that computes nothing: what it is asked is recorded, what it answers is given. */
function fakeAddon(answers: Partial<NativeDecoder> = {}) {
  const calls: string[] = [];
  const state: NativeState = { rows: 2, dispose: () => calls.push("dispose state") };
  const decoder = {
    start: async () => state,
    step: async (_: NativeState, tokenIds: Int32Array) => new Float32Array(tokenIds.length * SPEC.vocabSize),
    gatherRows: async () => {},
    dispose: () => calls.push("dispose decoder"),
    ...answers,
  };
  const addon = {
    version: "0.1.0",
    deviceInfo: (device: string) => {
      if (device === "cuda") throw Object.assign(new Error("built without CUDA"), { code: "unavailable" });
      return { kind: "cpu", description: "fake", libraries: {}, threads: 1 };
    },
    setThreadCount: (count: number) => calls.push(`threads ${count}`),
    Decoder: class {
      constructor() {
        Object.assign(this, decoder);
      }
    },
  };
  return { addon: addon as unknown as NativeAddon, calls };
}

async function openDecoder(answers: Partial<NativeDecoder> = {}) {
  const { addon, calls } = fakeAddon(answers);
  const backend = nativeBackend(addon, "cpu");
  return { backend, decoder: await backend.createDecoder(SPEC, PARAMETERS), calls };
}

describe("the native backend", () => {
  it("says why a device is not there", () => {
    const open = () => nativeBackend(fakeAddon().addon, "cuda");
    expect(open).toThrow(BackendUnavailableError);
    expect(open).toThrow("native-cuda: built without CUDA");
  });

  it("hands the number of threads on and refuses an impossible one", () => {
    const { addon, calls } = fakeAddon();
    nativeBackend(addon, "cpu", { threads: 2 });
    expect(calls).toEqual(["threads 2"]);
    expect(() => nativeBackend(addon, "cpu", { threads: 0 })).toThrow(OptionError);
  });

  it("refuses a precision the device does not have, and parameters of another shape", async () => {
    const { addon } = fakeAddon();
    const backend = nativeBackend(addon, "cpu");
    await expect(backend.createDecoder(SPEC, PARAMETERS, { precision: "float16" })).rejects.toThrow(
      'Expected float32 for precision on native-cpu but received "float16".',
    );
    const wrong = new Map(PARAMETERS).set("output.bias", { shape: [5], data: new Float32Array(5) });
    await expect(backend.createDecoder(SPEC, wrong)).rejects.toThrow(ShapeError);
  });

  it("checks token ids against the rows that earlier calls will leave", async () => {
    const { decoder } = await openDecoder();
    const state = await decoder.start({ pooled: POOLED });
    await expect(decoder.step(state, Int32Array.of(1))).rejects.toThrow(ShapeError);
    const gathered = decoder.gatherRows(state, Int32Array.of(0, 1, 1));
    const logits = await decoder.step(state, Int32Array.of(1, 1, 1));
    await gathered;
    expect(logits.shape).toEqual([3, 6]);
    expect(state.rows).toBe(3);
    await expect(decoder.gatherRows(state, Int32Array.of(3))).rejects.toThrow(ShapeError);
  });

  it("refuses states of another decoder, disposed states and every call after dispose", async () => {
    const { decoder, backend, calls } = await openDecoder();
    const other = await backend.createDecoder(SPEC, PARAMETERS);
    const state = await decoder.start({ pooled: POOLED });
    await expect(other.step(state, Int32Array.of(1, 1))).rejects.toThrow(OptionError);
    state.dispose();
    await expect(decoder.step(state, Int32Array.of(1, 1))).rejects.toThrow(DisposedError);
    await backend.dispose();
    await expect(decoder.start({ pooled: POOLED })).rejects.toThrow(DisposedError);
    await expect(backend.createDecoder(SPEC, PARAMETERS)).rejects.toThrow(DisposedError);
    expect(calls.filter((call) => call === "dispose decoder")).toHaveLength(2);
  });

  it("gives the addon's errors core's classes and the caller's stack", async () => {
    const { decoder } = await openDecoder({
      start: async () => {
        throw Object.assign(new Error("Expected memory for 2 rows but received none."), { code: "memory" });
      },
    });
    async function captionAll() {
      await decoder.start({ pooled: POOLED });
    }
    const error = await captionAll().catch((e: Error) => e);
    expect(error?.stack).toContain("captionAll");
    expect(error).toHaveProperty("hint", "Take a smaller batch or a narrower beam.");
  });

  it("carries the loss scale of float16 in the optimizer's state", async () => {
    const written: unknown[] = [];
    const lossScale = { factor: 4096, stepsWithoutOverflow: 3 };
    const { decoder } = await openDecoder({
      readOptimizerState: async () => ({ step: 0, firstMoments: {}, secondMoments: {}, lossScale }),
      writeOptimizerState: async (state) => void written.push(state),
    });
    const state = await decoder.readOptimizerState();
    expect(state).toEqual({ step: 0, firstMoments: new Map(), secondMoments: new Map(), lossScale });
    await decoder.writeOptimizerState(state);
    expect(written).toEqual([{ step: 0, firstMoments: {}, secondMoments: {}, lossScale }]);
  });

  it("cuts the addon's flat captions into images", async () => {
    const { decoder } = await openDecoder({
      generate: async () => ({
        captionCounts: Int32Array.of(1, 2),
        lengths: Int32Array.of(2, 1, 3),
        tokenIds: Int32Array.of(4, 2, 2, 5, 4, 5),
        logProbs: Float64Array.of(-1, -2, -3, -4, -5, -6),
        scores: Float64Array.of(-3, -3, -15),
        normalizedScores: Float64Array.of(-1.5, -3, -5),
        endedByMaxLength: Uint8Array.of(0, 0, 1),
      }),
    });
    const options = { beamWidth: 2 } as Parameters<NonNullable<typeof decoder.generate>>[1];
    const generated = await decoder.generate?.({ pooled: POOLED }, options);
    expect(generated?.map((image) => image.captions.map((caption) => caption.tokenIds))).toEqual([
      [[4, 2]],
      [[2], [5, 4, 5]],
    ]);
    expect(generated?.[1]?.captions[1]).toEqual({
      tokenIds: [5, 4, 5],
      logProbs: [-4, -5, -6],
      score: -15,
      normalizedScore: -5,
      endedByMaxLength: true,
    });
  });
});
