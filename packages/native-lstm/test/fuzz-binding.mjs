// Throws every kind of wrong argument at the raw addon, in a process of its own: `node --expose-gc fuzz-binding.mjs <path of the .node>`.
// A crash kills this process; anything thrown that is no Error, or a wrong argument that is accepted, ends it with exit code 1.
import { createRequire } from "node:module";

const addon = createRequire(import.meta.url)(process.argv[2]);
const floats = (length, value = 0.1) => new Float32Array(length).fill(value);
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
  ...{ vocabSize: 7, featureSize: 3, embeddingSize: 4, hiddenSize: 5, layerCount: 1, imageInjection: "first-input" },
  ...{ normalization: "none", tiedWeights: false, gateActivation: "sigmoid", dropout },
  attention: { heads: 2, size: 4, gridFeatureSize: 3 },
};
const sizes = {
  ...{
    "image.weight": 12,
    "image.bias": 4,
    "embedding.weight": 28,
    "lstm.0.inputWeight": 80,
    "lstm.0.recurrentWeight": 100,
  },
  ...{ "lstm.0.bias": 20, "attention.value.weight": 12, "attention.value.bias": 4, "attention.key.weight": 16 },
  ...{
    "attention.query.weight": 20,
    "attention.output.weight": 45,
    "attention.output.bias": 5,
    "output.weight": 35,
    "output.bias": 7,
  },
};
const parameters = () => Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, floats(size)]));
const options = { device: "cpu", precision: "float32" };
const newDecoder = () => new addon.Decoder(spec, parameters(), options);
const search = {
  ...{
    beamWidth: 2,
    maxLength: 4,
    minLength: 1,
    lengthPenalty: 0,
    lengthPenaltyFormula: "none",
    nBest: 1,
    noRepeatNgramSize: 0,
  },
  ...{ bannedTokens: [], forbiddenFirstWords: [], forcedPrefix: [] },
};
const batch = () => ({
  ...{
    pooled: floats(6),
    images: 2,
    grid: floats(12),
    cells: 2,
    imageOfRow: Int32Array.of(0, 1, 1),
    batchSize: 3,
    timeSteps: 2,
  },
  ...{ tokenIds: Int32Array.of(4, 2, 2, 0, 5, 2), lengths: Int32Array.of(2, 1, 2), labelSmoothing: 0, dropoutSeed: 1 },
});
const update = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 5, averageDecay: 0.9 };

function detached(Type) {
  const array = new Type(6);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error("a getter that throws");
    },
    ownKeys: () => {
      throw new Error("no keys");
    },
  },
);
const junk = () => [
  ...[
    undefined,
    null,
    true,
    Number.NaN,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 53,
    Number.POSITIVE_INFINITY,
    "",
    "x",
    10n,
    Symbol("s"),
    {},
    [],
  ],
  ...[
    () => {},
    new Float32Array(0),
    floats(11),
    new Float64Array(6),
    new Int32Array(1),
    new Int32Array(6).fill(2 ** 30),
  ],
  ...[
    new Int32Array(6).fill(-1),
    new Uint8Array(24),
    new ArrayBuffer(24),
    new DataView(new ArrayBuffer(24)),
    detached(Float32Array),
  ],
  ...[detached(Int32Array), new Float32Array(new SharedArrayBuffer(8)), throwing, newDecoder(), new Date(Number.NaN)],
];
const describe = (value) => {
  try {
    return `${typeof value} ${String(value?.constructor?.name ?? value)}`;
  } catch {
    return "proxy";
  }
};

const counts = { calls: 0, errors: 0 };
/** Runs a call that must settle; true when it ended in an Error. */
async function attempt(name, call) {
  counts.calls += 1;
  try {
    await call();
    return false;
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`${name}: what was thrown is no Error`);
    counts.errors += 1;
    return true;
  }
}
async function mustFail(name, call) {
  if (!(await attempt(name, call))) throw new Error(`${name}: was accepted`);
}

const state = async (decoder) => decoder.start(floats(6), 2, floats(12), 2);
/** Valid arguments of each method; `typed` are the places where nothing but the right array or handle may pass. */
const METHODS = [
  { name: "start", typed: [0, 2], make: () => [floats(6), 2, floats(12), 2] },
  { name: "step", typed: [0, 1], make: async (decoder) => [await state(decoder), Int32Array.of(1, 1)] },
  { name: "gatherRows", typed: [0], make: async (decoder) => [await state(decoder), Int32Array.of(1, 0)] },
  { name: "readAttention", typed: [0], make: async (decoder) => [await state(decoder)] },
  { name: "generate", typed: [0, 2, 4], make: () => [floats(6), 2, floats(12), 2, search] },
  { name: "trainStep", typed: [0, 1], make: () => [batch(), update] },
  { name: "evaluateLoss", typed: [0], make: () => [batch()] },
  { name: "writeParameters", typed: [0], make: () => [parameters()] },
  { name: "writeOptimizerState", typed: [0], make: async (decoder) => [await decoder.readOptimizerState()] },
];

const decoder = newDecoder();
for (const { name, typed, make } of METHODS) {
  const valid = await make(decoder);
  for (let place = 0; place <= valid.length; place++) {
    await (place < valid.length && typed.includes(place) ? mustFail : attempt)(
      `${name} with ${place} arguments`,
      async () => decoder[name](...(await make(decoder)).slice(0, place)),
    );
    if (place === valid.length) continue;
    for (const value of junk()) {
      const label = `${name}, argument ${place}: ${describe(value)}`;
      // A throwing proxy is an object like any other until it is read, hence still an error.
      await (typed.includes(place) ? mustFail : attempt)(label, async () => {
        const args = await make(decoder);
        args[place] = value;
        return decoder[name](...args);
      });
    }
  }
  // One field of an object at a time.
  for (let place = 0; place < valid.length; place++) {
    if (Object.getPrototypeOf(valid[place]) !== Object.prototype) continue;
    for (const field of Object.keys(valid[place])) {
      const isArray = ArrayBuffer.isView(valid[place][field]);
      for (const value of junk()) {
        const label = `${name}, argument ${place}.${field}: ${describe(value)}`;
        await (isArray && value !== undefined ? mustFail : attempt)(label, async () => {
          const args = await make(decoder);
          args[place] = { ...args[place], [field]: value };
          return decoder[name](...args);
        });
      }
    }
  }
}

// The constructor, without new and with wrong specs, parameters and options.
await mustFail("Decoder without new", async () => addon.Decoder(spec, parameters(), options));
for (const value of junk()) {
  await mustFail(`spec ${describe(value)}`, async () => new addon.Decoder(value, parameters(), options));
  await mustFail(`parameters ${describe(value)}`, async () => new addon.Decoder(spec, value, options));
  for (const field of Object.keys(spec)) {
    await attempt(`spec.${field} ${describe(value)}`, async () =>
      new addon.Decoder({ ...spec, [field]: value }, parameters(), options).dispose(),
    );
  }
  for (const field of Object.keys(options)) {
    await attempt(`options.${field} ${describe(value)}`, async () =>
      new addon.Decoder(spec, parameters(), { ...options, [field]: value }).dispose(),
    );
  }
  for (const field of Object.keys(sizes)) {
    await mustFail(`parameters.${field} ${describe(value)}`, async () =>
      new addon.Decoder(spec, { ...parameters(), [field]: value }, options).dispose(),
    );
  }
  await attempt(`deviceInfo ${describe(value)}`, async () => addon.deviceInfo(value));
  await attempt(`setThreadCount ${describe(value)}`, async () =>
    addon.setThreadCount(typeof value === "number" && value > 64 ? -value : value),
  );
}
addon.setThreadCount(2);

// Sizes that are none, each in every place where a size is asked for.
for (const size of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 0.5, 2 ** 31, 2 ** 53, "5", 5n, undefined]) {
  const label = `size ${String(size)}`;
  for (const field of ["vocabSize", "featureSize", "embeddingSize", "hiddenSize", "layerCount"]) {
    await mustFail(
      `${label} for spec.${field}`,
      async () => new addon.Decoder({ ...spec, [field]: size }, parameters(), options),
    );
  }
  for (const field of ["heads", "size", "gridFeatureSize"]) {
    const attention = { ...spec.attention, [field]: size };
    await mustFail(
      `${label} for spec.attention.${field}`,
      async () => new addon.Decoder({ ...spec, attention }, parameters(), options),
    );
  }
  for (const field of ["images", "cells", "batchSize", "timeSteps"]) {
    await mustFail(`${label} for batch.${field}`, () => decoder.trainStep({ ...batch(), [field]: size }, update));
    await mustFail(`${label} for batch.${field}`, () => decoder.evaluateLoss({ ...batch(), [field]: size }));
  }
  for (const field of ["beamWidth", "maxLength", "nBest"]) {
    await mustFail(`${label} for search.${field}`, () =>
      decoder.generate(floats(6), 2, floats(12), 2, { ...search, [field]: size }),
    );
  }
  await mustFail(`${label} for images`, () => decoder.start(floats(6), size, floats(12), 2));
  await mustFail(`${label} for cells`, () => decoder.generate(floats(6), 2, floats(12), size, search));
  await mustFail(`${label} for threads`, async () => addon.setThreadCount(size));
}
for (const field of ["learningRate", "beta1", "beta2", "epsilon", "clipNorm", "averageDecay"]) {
  await mustFail(`NaN for update.${field}`, () => decoder.trainStep(batch(), { ...update, [field]: Number.NaN }));
}

// Foreign and disposed handles.
const other = newDecoder();
await mustFail("state of another decoder", async () => decoder.step(await state(other), Int32Array.of(1, 1)));
for (const { name, make } of METHODS) {
  const args = await make(decoder);
  for (const receiver of [{}, undefined, addon, await state(decoder), Object.create(addon.Decoder.prototype)]) {
    await mustFail(`${name} called on ${describe(receiver)}`, async () =>
      addon.Decoder.prototype[name].apply(receiver, args),
    );
  }
}
const gone = await state(decoder);
gone.dispose();
gone.dispose();
await mustFail("disposed state", async () => decoder.step(gone, Int32Array.of(1, 1)));
const stateOfOther = await state(other);
other.dispose();
other.dispose();
for (const { name, make } of METHODS)
  await mustFail(`${name} after dispose`, async () => other[name](...(await make(decoder))));
for (const name of ["readParameters", "readGradients", "readAverages", "readOptimizerState"]) {
  await mustFail(`${name} after dispose`, async () => other[name]());
}
stateOfOther.dispose();

// Many calls at once; arrays detached, handles disposed and garbage collected while they run.
for (let round = 0; round < 20; round++) {
  const busy = newDecoder();
  const running = await state(busy);
  const calls = [];
  for (let i = 0; i < 30; i++) {
    const tokenIds = Int32Array.of(1, 1);
    calls.push(attempt("busy step", () => busy.step(running, tokenIds)));
    if (i % 3 === 0) structuredClone(tokenIds, { transfer: [tokenIds.buffer] });
    const features = floats(6);
    calls.push(attempt("busy generate", () => busy.generate(features, 2, floats(12), 2, search)));
    if (i % 4 === 0) structuredClone(features, { transfer: [features.buffer] });
    calls.push(attempt("busy training", () => busy.trainStep(batch(), update)));
    calls.push(attempt("busy gather", () => busy.gatherRows(running, Int32Array.of(1, 0))));
    if (i === 20 && round % 2 === 0) running.dispose();
    if (i === 25 && round % 3 === 0) busy.dispose();
  }
  globalThis.gc?.();
  await Promise.all(calls);
}
for (let i = 0; i < 200; i++)
  void newDecoder()
    .start(floats(6), 2, floats(12), 2)
    .catch(() => {});
globalThis.gc?.();

// After all of it the decoder still works.
const logits = await decoder.step(await state(decoder), Int32Array.of(1, 1));
if (logits.length !== 14) throw new Error(`Expected 14 logits for the last step but received ${logits.length}.`);
process.stdout.write(JSON.stringify(counts));
