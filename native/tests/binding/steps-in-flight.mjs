// Training steps that overlap, through the binding: `node --expose-gc steps-in-flight.mjs <the .node of overlapping_device.cc>`. Ends with exit code 1
// where order, promises or memory are not what the contract says.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const addon = createRequire(import.meta.url)(process.argv[2]);
const OVERLAPPED = 1;
const AT_ONCE = 2;
const FAILS = 3;
const START_FAILS = 4;

const dropout = {
  image: 0,
  embedding: 0,
  input: 0,
  inputMask: "step",
  recurrent: 0,
  attentionValue: 0,
  attentionOutput: 0,
  output: 0,
};
const spec = {
  vocabSize: 5,
  featureSize: 2,
  embeddingSize: 2,
  hiddenSize: 2,
  layerCount: 1,
  imageInjection: "first-input",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout,
};
const sizes = {
  "image.weight": 4,
  "image.bias": 2,
  "embedding.weight": 10,
  "lstm.0.inputWeight": 16,
  "lstm.0.recurrentWeight": 16,
  "lstm.0.bias": 8,
  "output.weight": 10,
  "output.bias": 5,
};
const parameters = () =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [
      name,
      Float32Array.from({ length: size }, (_, i) => Math.sin(i + size)),
    ]),
  );
const batch = (dropoutSeed) => ({
  pooled: Float32Array.of(0.5, -0.5),
  images: 1,
  cells: 0,
  imageOfRow: Int32Array.of(0),
  batchSize: 1,
  timeSteps: 3,
  tokenIds: Int32Array.of(3, 4, 2),
  lengths: Int32Array.of(3),
  labelSmoothing: 0,
  dropoutSeed,
});
const update = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const open = (device) => new addon.Decoder(spec, parameters(), { device, precision: "float32" });
const message = (promise) =>
  promise.then(
    () => "resolved",
    (error) => `${error.code}: ${error.message}`,
  );

const tests = {
  async "the next step starts while one is waited for, and results are the CPU's in order"() {
    const [overlapping, plain] = [open("cuda"), open("cpu")];
    const seeds = [OVERLAPPED, OVERLAPPED, OVERLAPPED, OVERLAPPED, AT_ONCE];
    const settled = [];
    const results = await Promise.all(
      seeds.map(async (seed, i) => {
        const result = await overlapping.trainStep(batch(seed), update);
        settled.push(i);
        return result;
      }),
    );
    assert.deepEqual(settled, [0, 1, 2, 3, 4]);
    for (const result of results) assert.deepEqual(result, await plain.trainStep(batch(0), update));
    assert.ok(results[4].lossSum < results[0].lossSum);
    assert.deepEqual(await overlapping.readParameters(), await plain.readParameters());
  },

  async "a loop that keeps two steps in flight never waits for itself"() {
    const decoder = open("cuda");
    const inFlight = [decoder.trainStep(batch(OVERLAPPED), update)];
    for (let step = 1; step < 20; step++) {
      inFlight.push(decoder.trainStep(batch(step === 19 ? AT_ONCE : OVERLAPPED), update));
      await inFlight.shift();
    }
    await inFlight.shift();
    assert.equal((await decoder.readOptimizerState()).step, 20);
  },

  async "every other call sees all steps before it and none after"() {
    const [overlapping, plain] = [open("cuda"), open("cpu")];
    const calls = (decoder, first) => [
      decoder.trainStep(batch(first), update),
      decoder.trainStep(batch(AT_ONCE), update),
      decoder.readParameters(),
      decoder.evaluateLoss(batch(AT_ONCE)),
      decoder.trainStep(batch(AT_ONCE), update),
      decoder.readParameters(),
    ];
    assert.deepEqual(await Promise.all(calls(overlapping, OVERLAPPED)), await Promise.all(calls(plain, 0)));
  },

  async "a failed step rejects its own promise alone"() {
    const decoder = open("cuda");
    const promises = [OVERLAPPED, START_FAILS, OVERLAPPED, FAILS, AT_ONCE].map((seed) =>
      message(decoder.trainStep(batch(seed), update)),
    );
    assert.deepEqual(await Promise.all(promises), [
      "resolved",
      "memory: The start failed.",
      "resolved",
      "unavailable: The wait failed.",
      "resolved",
    ]);
    assert.equal(
      await message(decoder.trainStep({ ...batch(AT_ONCE), lengths: Int32Array.of(9) }, update)).then(
        (text) => text.split(":")[0],
      ),
      "shape",
    );
    assert.equal(await message(decoder.evaluateLoss(batch(AT_ONCE))), "resolved");
  },

  async "steps asked for before dispose still settle, later calls are refused"() {
    const decoder = open("cuda");
    const promises = [OVERLAPPED, OVERLAPPED, AT_ONCE].map((seed) => message(decoder.trainStep(batch(seed), update)));
    decoder.dispose();
    decoder.dispose();
    assert.match(await message(decoder.trainStep(batch(AT_ONCE), update)), /^disposed: /);
    assert.deepEqual(await Promise.all(promises), ["resolved", "resolved", "resolved"]);
  },

  async "a decoder that nobody holds any more finishes its steps"() {
    const promises = [OVERLAPPED, AT_ONCE].map(
      (
        (decoder) => (seed) =>
          message(decoder.trainStep(batch(seed), update))
      )(open("cuda")),
    );
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    assert.deepEqual(await Promise.all(promises), ["resolved", "resolved"]);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok     ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
