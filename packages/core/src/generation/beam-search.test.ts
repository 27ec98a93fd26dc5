import { describe, expect, it } from "vitest";
import { END_TOKEN_ID, UNKNOWN_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { generate } from "./generate.js";
import { DEFAULT_SEARCH, type GenerationOptions } from "./generation-options.js";
import type { GeneratedCaption, SearchOptions } from "./search-options.js";

const VOCAB_SIZE = 9;
const FIRST_WORD = UNKNOWN_TOKEN_ID + 1;

type Table = (prefix: readonly number[], image: number) => number[];

/** Logits that depend on image and prefix alone. With `levels`, only as many different values: scores are then often equal. */
function randomTable(seed: number, { vocabSize = VOCAB_SIZE, levels = 0, endBias = 0 } = {}): Table {
  return (prefix, image) => {
    const key = prefix.reduce((hash, tokenId) => (Math.imul(hash, 31) + tokenId + 1) >>> 0, image + 7);
    const random = new Random(seed, key);
    return Array.from({ length: vocabSize }, (_, tokenId) => {
      const value = levels > 0 ? random.integer(levels) : 1.5 * random.normal();
      return Math.fround(tokenId === END_TOKEN_ID ? value + endBias : value);
    });
  };
}

interface Plain {
  tokenIds: number[];
  logProbs: number[];
  score: number;
  normalizedScore: number;
}

/** The definition of SearchOptions written down plainly: every candidate is made and sorted, nothing stops early, one image at a time. */
function plainSearch(table: Table, image: number, options: GenerationOptions): GeneratedCaption[] {
  const search = { ...DEFAULT_SEARCH, ...options } as SearchOptions;
  const { beamWidth, maxLength, nBest } = search;
  const finished: Plain[] = [];
  let live: Plain[] = [{ tokenIds: [], logProbs: [], score: 0, normalizedScore: 0 }];
  for (let step = 0; step < maxLength && live.length > 0; step++) {
    const candidates = live.flatMap((hypothesis, beam) =>
      plainLogSoftmax(table(hypothesis.tokenIds, image)).flatMap((logProb, tokenId) => {
        if (!plainlyAllowed(hypothesis.tokenIds, tokenId, search)) return [];
        const tokenIds = [...hypothesis.tokenIds, tokenId];
        const score = hypothesis.score + logProb;
        const logProbs = [...hypothesis.logProbs, logProb];
        return [
          { tokenIds, logProbs, score, normalizedScore: plainlyNormalized(score, tokenIds.length, search), beam },
        ];
      }),
    );
    if (candidates.length === 0) break;
    candidates.sort((a, b) => b.score - a.score || a.tokenIds.at(-1)! - b.tokenIds.at(-1)! || a.beam - b.beam);
    const looked = candidates.slice(0, beamWidth === 1 ? 1 : 2 * beamWidth);
    finished.push(...looked.filter(({ tokenIds }) => tokenIds.at(-1) === END_TOKEN_ID));
    live = looked.filter(({ tokenIds }) => tokenIds.at(-1) !== END_TOKEN_ID).slice(0, beamWidth);
  }
  const ordered = finished
    .map((hypothesis, order) => ({ ...hypothesis, order }))
    .sort((a, b) => b.normalizedScore - a.normalizedScore || a.order - b.order);
  return [
    ...ordered.map((hypothesis) => asCaption(hypothesis, false)),
    ...live.map((hypothesis) => asCaption(hypothesis, true)),
  ].slice(0, nBest);
}

function asCaption({ tokenIds, logProbs, score, normalizedScore }: Plain, endedByMaxLength: boolean): GeneratedCaption {
  return { tokenIds, logProbs, score, normalizedScore, endedByMaxLength };
}

function plainLogSoftmax(logits: number[]): number[] {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return logits.map((value) => Math.fround(value - (largest + Math.log(sum))));
}

function plainlyNormalized(score: number, length: number, search: SearchOptions): number {
  const { lengthPenalty, lengthPenaltyFormula } = search;
  if (lengthPenaltyFormula === "average") return score / length ** lengthPenalty;
  return lengthPenaltyFormula === "gnmt" ? score / ((5 + length) / 6) ** lengthPenalty : score;
}

function plainlyAllowed(prefix: readonly number[], tokenId: number, search: SearchOptions): boolean {
  const forced = search.forcedPrefix[prefix.length];
  if (forced !== undefined) return tokenId === forced;
  if ([0, 1, 3, ...search.bannedTokens].includes(tokenId)) return false;
  if (prefix.length === 0 && search.forbiddenFirstWords.includes(tokenId)) return false;
  if (tokenId === END_TOKEN_ID && prefix.length + 1 < search.minLength) return false;
  return search.noRepeatNgramSize === 0 || !repeatsNgram([...prefix, tokenId], search.noRepeatNgramSize);
}

function repeatsNgram(tokenIds: readonly number[], size: number): boolean {
  const ngrams = tokenIds.slice(size - 1).map((_, begin) => tokenIds.slice(begin, begin + size).join(" "));
  return ngrams.indexOf(ngrams.at(-1)!) < ngrams.length - 1;
}

/** Options drawn at random, contradictions left out. */
function randomOptions(random: Random): GenerationOptions {
  const pick = <T>(...values: T[]): T => values[random.integer(values.length)]!;
  const beamWidth = pick(1, 2, 3, 5);
  const maxLength = 2 + random.integer(8);
  return {
    beamWidth,
    maxLength,
    minLength: 1 + random.integer(maxLength),
    nBest: 1 + random.integer(beamWidth),
    lengthPenalty: pick(0, 0.7, 1, 2, -0.5),
    lengthPenaltyFormula: pick("none", "average", "gnmt"),
    noRepeatNgramSize: pick(0, 0, 1, 2, 3),
    bannedTokens: pick([], [FIRST_WORD]),
    forbiddenFirstWords: pick([], [FIRST_WORD + 1, FIRST_WORD + 2]),
    forcedPrefix: maxLength > 2 ? pick([], [], [FIRST_WORD + 3, FIRST_WORD + 3]) : [],
  };
}

async function search(table: Table, images: number[], options: GenerationOptions, vocabSize = VOCAB_SIZE) {
  const decoder = new TableDecoder({ vocabSize, logits: table });
  const generated = await generate(decoder, tableFeatures(images), options);
  expect(decoder.openStates).toBe(0);
  return generated;
}

describe("beam search", () => {
  it("gives what the plain definition without early exit gives, for options and tables drawn at random", async () => {
    const random = new Random(20, 1);
    for (let round = 0; round < 300; round++) {
      const options = randomOptions(random);
      const table = randomTable(round, { levels: round % 3 === 0 ? 3 : 0, endBias: random.integer(5) - 1 });
      const images = [3, 1, 4];
      const generated = await search(table, images, options);
      for (const [index, image] of images.entries()) {
        const label = `round ${round}, image ${image}, ${JSON.stringify(options)}`;
        expect(generated[index]!.captions, label).toEqual(plainSearch(table, image, options));
      }
    }
  });

  it("stops early where the bound allows it, and only there", async () => {
    const table: Table = (prefix) => {
      const logits = new Array<number>(VOCAB_SIZE).fill(-20);
      logits[END_TOKEN_ID] = prefix.length === 1 ? 0 : -20;
      logits[FIRST_WORD] = 0;
      return logits;
    };
    const stepsWith = async (options: GenerationOptions) => {
      const decoder = new TableDecoder({ vocabSize: VOCAB_SIZE, logits: table });
      await generate(decoder, tableFeatures([0]), { beamWidth: 2, maxLength: 20, ...options });
      return decoder.rowsOfSteps.length;
    };
    expect(await stepsWith({ lengthPenaltyFormula: "none" })).toBe(2);
    // A live hypothesis as good as the finished one could still win by being longer.
    expect(await stepsWith({ lengthPenaltyFormula: "average", lengthPenalty: 0.7 })).toBe(20);
    expect(await stepsWith({ lengthPenaltyFormula: "average", lengthPenalty: 0 })).toBe(2);
    expect(await stepsWith({ lengthPenaltyFormula: "gnmt", lengthPenalty: -0.5 })).toBe(2);
  });

  it("with width 1 follows the likeliest token up to the first <end>", async () => {
    for (let seed = 0; seed < 50; seed++) {
      const table = randomTable(seed, { endBias: 1 });
      const [generated] = await search(table, [0], { beamWidth: 1, maxLength: 12 });
      const tokenIds: number[] = [];
      while (tokenIds.length < 12 && tokenIds.at(-1) !== END_TOKEN_ID) {
        const logits = table(tokenIds, 0).map((value, tokenId) => ([0, 1, 3].includes(tokenId) ? -Infinity : value));
        tokenIds.push(logits.indexOf(Math.max(...logits)));
      }
      expect(generated!.captions.map((caption) => caption.tokenIds)).toEqual([tokenIds]);
    }
  });

  it("with a beam that holds everything finds the best of all captions", async () => {
    const vocabSize = 7;
    const maxLength = 4;
    for (let seed = 0; seed < 10; seed++) {
      const table = randomTable(seed, { vocabSize });
      const all: { tokenIds: number[]; normalizedScore: number }[] = [];
      const visit = (tokenIds: number[], score: number) => {
        const logProbs = plainLogSoftmax(table(tokenIds, 0));
        const length = tokenIds.length + 1;
        const endScore = score + logProbs[END_TOKEN_ID]!;
        all.push({ tokenIds: [...tokenIds, END_TOKEN_ID], normalizedScore: endScore / length ** 0.7 });
        if (length === maxLength) return;
        for (let word = FIRST_WORD; word < vocabSize; word++) visit([...tokenIds, word], score + logProbs[word]!);
      };
      visit([], 0);
      all.sort((a, b) => b.normalizedScore - a.normalizedScore);
      const [generated] = await search(table, [0], { beamWidth: 100, nBest: 30, maxLength }, vocabSize);
      expect(generated!.captions.map((caption) => caption.tokenIds)).toEqual(
        all.slice(0, 30).map((one) => one.tokenIds),
      );
    }
  });

  it("gives captions that end once, add up, and come best first without repetitions", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const generated = await search(randomTable(seed), [0, 1, 2], {
        beamWidth: 4,
        nBest: 4,
        minLength: 3,
        maxLength: 7,
      });
      for (const { captions } of generated) {
        expect(captions).toHaveLength(4);
        expect(new Set(captions.map((caption) => caption.tokenIds.join(" "))).size).toBe(4);
        for (const caption of captions) {
          const { tokenIds, logProbs, score } = caption;
          const end = tokenIds.indexOf(END_TOKEN_ID);
          expect(end < 0 ? tokenIds.length : end + 1).toBe(tokenIds.length);
          expect(caption.endedByMaxLength).toBe(end < 0);
          expect(tokenIds.length).toBeGreaterThanOrEqual(3);
          expect(tokenIds.length).toBeLessThanOrEqual(7);
          expect(logProbs.reduce((sum, logProb) => sum + logProb, 0)).toBe(score);
          expect(caption.normalizedScore).toBe(score / tokenIds.length ** 0.7);
        }
        const finished = captions.filter((caption) => !caption.endedByMaxLength);
        expect(captions.slice(0, finished.length)).toEqual(finished);
        for (const part of [finished, captions.slice(finished.length)]) {
          const scores = part.map((caption) => caption.normalizedScore);
          expect(scores).toEqual(scores.toSorted((a, b) => b - a));
        }
      }
    }
  });

  it("breaks ties by token id, then by beam, every time alike", async () => {
    const flat: Table = () => new Array<number>(VOCAB_SIZE).fill(0);
    const [generated] = await search(flat, [0], { beamWidth: 3, nBest: 3, maxLength: 3, minLength: 3 });
    expect(generated!.captions.map((caption) => caption.tokenIds)).toEqual([
      [FIRST_WORD, FIRST_WORD, END_TOKEN_ID],
      [FIRST_WORD + 1, FIRST_WORD, END_TOKEN_ID],
      [FIRST_WORD + 2, FIRST_WORD, END_TOKEN_ID],
    ]);
  });

  it("returns the words so far where the rules leave no way on", async () => {
    const table = randomTable(1, { vocabSize: 6 });
    const options = { beamWidth: 2, noRepeatNgramSize: 1, minLength: 10, maxLength: 12 };
    const [generated] = await search(table, [0], options, 6);
    expect(generated!.captions).toHaveLength(1);
    expect(generated!.captions[0]!.endedByMaxLength).toBe(true);
    expect(generated!.captions[0]!.tokenIds.toSorted()).toEqual([FIRST_WORD, FIRST_WORD + 1]);
  });

  it("never takes a token of probability zero", async () => {
    const table: Table = (prefix) =>
      Array.from({ length: VOCAB_SIZE }, (_, tokenId) => (tokenId === FIRST_WORD + prefix.length ? 0 : -Infinity));
    const [generated] = await search(table, [0], { beamWidth: 3, nBest: 3, maxLength: 4 });
    expect(generated!.captions).toHaveLength(1);
    expect(generated!.captions[0]).toMatchObject({ tokenIds: [4, 5, 6, 7], score: 0, endedByMaxLength: true });
  });
});

describe("diverse beam search", () => {
  const options = { beamWidth: 6, nBest: 3, maxLength: 6 };

  it("is an ordinary search with one group, and as many equal searches without penalty", async () => {
    const table = randomTable(5);
    const single = await search(table, [0, 1], { ...options, beamWidth: 2, nBest: 2 });
    expect(await search(table, [0, 1], { ...options, beamWidth: 2, nBest: 2, diversityGroups: 1 })).toEqual(single);
    const three = await search(table, [0, 1], { ...options, nBest: 2, diversityGroups: 3, diversityPenalty: 0 });
    expect(three).toEqual(single);
  });

  it("makes groups begin differently when the penalty is large, and keeps the model's own scores", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const table = randomTable(seed);
      const generated = await search(table, [0], {
        ...options,
        beamWidth: 3,
        diversityGroups: 3,
        diversityPenalty: 1000,
        minLength: 2,
      });
      const captions = generated[0]!.captions;
      expect(new Set(captions.map((caption) => caption.tokenIds[0])).size).toBe(3);
      for (const { tokenIds, logProbs } of captions) {
        const model = tokenIds.map((tokenId, index) => plainLogSoftmax(table(tokenIds.slice(0, index), 0))[tokenId]!);
        expect(logProbs).toEqual(model);
      }
    }
  });

  it("sorts what the groups found and repeats nothing", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const [generated] = await search(randomTable(seed), [0], {
        ...options,
        nBest: 6,
        diversityGroups: 3,
        diversityPenalty: 0.3,
      });
      const captions = generated!.captions;
      expect(new Set(captions.map((caption) => caption.tokenIds.join(" "))).size).toBe(captions.length);
      const finished = captions
        .filter((caption) => !caption.endedByMaxLength)
        .map((caption) => caption.normalizedScore);
      expect(finished).toEqual(finished.toSorted((a, b) => b - a));
    }
  });
});
