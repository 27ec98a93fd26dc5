// Prints the resident memory after rounds of work as JSON: `node --expose-gc measure-leaks.mjs <path of the .node> <create | train | search>`.
import { createRequire } from "node:module";

const addon = createRequire(import.meta.url)(process.argv[2]);
const ROUNDS = 6;
const dropout = {
  image: 0,
  embedding: 0,
  input: 0,
  inputMask: "step",
  recurrent: 0,
  attentionValue: 0,
  attentionOutput: 0,
  output: 0.2,
};
const spec = {
  ...{
    vocabSize: 50,
    featureSize: 16,
    embeddingSize: 16,
    hiddenSize: 16,
    layerCount: 1,
    imageInjection: "first-input",
  },
  ...{ normalization: "none", tiedWeights: false, gateActivation: "sigmoid", dropout },
};
const sizes = {
  ...{ "image.weight": 256, "image.bias": 16, "embedding.weight": 800, "lstm.0.inputWeight": 1024 },
  ...{ "lstm.0.recurrentWeight": 1024, "lstm.0.bias": 64, "output.weight": 800, "output.bias": 50 },
};
const parameters = Object.fromEntries(
  Object.entries(sizes).map(([name, size]) => [name, new Float32Array(size).fill(0.01)]),
);
const newDecoder = () => new addon.Decoder(spec, parameters, { device: "cpu", precision: "float32" });
const pooled = new Float32Array(4 * 16).fill(0.5);
const batch = {
  ...{ pooled, images: 4, cells: 0, imageOfRow: Int32Array.of(0, 1, 2, 3), batchSize: 4, timeSteps: 5 },
  ...{ tokenIds: new Int32Array(20).fill(7), lengths: new Int32Array(4).fill(5), labelSmoothing: 0, dropoutSeed: 1 },
};
const update = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 5, averageDecay: 0.9 };
const search = {
  ...{
    beamWidth: 3,
    maxLength: 8,
    minLength: 1,
    lengthPenalty: 0,
    lengthPenaltyFormula: "none",
    nBest: 1,
    noRepeatNgramSize: 0,
  },
  ...{ bannedTokens: [], forbiddenFirstWords: [], forcedPrefix: [] },
};

const shared = newDecoder();
const WORK = {
  /** 2000 decoders a round; every other one is left to the garbage collector. */
  async create() {
    for (let i = 0; i < 2000; i++) {
      const decoder = newDecoder();
      const state = await decoder.start(pooled, 4, undefined, 0);
      if (i % 2 === 0) {
        state.dispose();
        decoder.dispose();
      }
    }
  },
  /** 2000 steps a round. */
  async train() {
    for (let i = 0; i < 2000; i++) await shared.trainStep(batch, update);
  },
  async search() {
    for (let i = 0; i < 300; i++) {
      await shared.generate(pooled, 4, undefined, 0, search);
      const state = await shared.start(pooled, 4, undefined, 0);
      await shared.step(state, new Int32Array(4).fill(1));
      await shared.gatherRows(state, Int32Array.of(0, 0, 1, 2, 3));
      await shared.readParameters();
    }
  },
};

const megabytes = [];
for (let round = 0; round < ROUNDS; round++) {
  await WORK[process.argv[3]]();
  // Finalizers run in later turns of the event loop.
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  megabytes.push(process.memoryUsage().rss / 2 ** 20);
}
process.stdout.write(JSON.stringify(megabytes));
