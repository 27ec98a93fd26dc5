import { describe, expect, it } from "vitest";
import { prepareCider } from "../metrics/cider.js";
import { golden } from "../testing/golden.js";
import { ptbTokenizer } from "../tokenizers/ptb/ptb-tokenizer.js";
import { chooseByConsensus, DocumentFrequencies } from "./consensus.js";

const references = golden.images.map((pair) => pair.references);
const frequencies = DocumentFrequencies.of(references, ptbTokenizer);
const captions = (...texts: string[]) => texts.map((caption) => ({ caption }));

describe("chooseByConsensus", () => {
  it("expects what CIDEr-D gives with the other candidates as references", () => {
    const prepared = prepareCider(references, ptbTokenizer);
    const wanted = prepared.score(golden.images.map((pair) => pair.candidate));
    golden.images.forEach((pair, image) => {
      const judged = { caption: pair.candidate, weight: 0 };
      const { expected } = chooseByConsensus([judged, ...captions(...pair.references)], frequencies);
      expect(expected[0]).toBeCloseTo(wanted[image]!, 12);
    });
  });

  it("chooses what most candidates say", () => {
    const candidates = captions(
      "a red car is parked in the snow",
      "a brown dog runs through the grass",
      "a dog runs through tall grass",
      "a dog runs through the grass",
    );
    const { index, expected } = chooseByConsensus(candidates, frequencies);
    expect(index).toBe(3);
    expect(Math.max(...expected)).toBe(expected[3]);
  });

  it("lets weights decide, whatever their sum", () => {
    const texts = ["a red car is parked in the snow", "a dog runs through tall grass", "a dog runs through the grass"];
    const weighted = (scale: number) => texts.map((caption, i) => ({ caption, weight: [0.8, 0.1, 0.1][i]! * scale }));
    const probable = chooseByConsensus(weighted(1), frequencies);
    expect(probable.index).toBe(0);
    const scaled = chooseByConsensus(weighted(1e-9), frequencies);
    scaled.expected.forEach((value, i) => {
      expect(value).toBeCloseTo(probable.expected[i]!, 12);
    });
    expect(chooseByConsensus(captions(...texts), frequencies).index).not.toBe(0);
  });

  it("counts a caption that was drawn twice twice", () => {
    const [a, b] = ["a red car is parked in the snow", "a dog runs through tall grass"] as const;
    const twice = chooseByConsensus(captions(a, b, b), frequencies);
    const weighted = chooseByConsensus([{ caption: a }, { caption: b, weight: 2 }], frequencies);
    expect(twice.index).toBe(1);
    expect(twice.expected[0]).toBeCloseTo(weighted.expected[0]!, 12);
    expect(twice.expected[1]).toBeCloseTo(weighted.expected[1]!, 12);
  });

  it("takes the first of equals, and a lone candidate as it is", () => {
    expect(chooseByConsensus(captions("a dog runs", "a dog runs"), frequencies).index).toBe(0);
    expect(chooseByConsensus(captions("a dog runs"), frequencies).index).toBe(0);
  });

  it("is not changed by words of earlier choices", () => {
    const candidates = captions("a dog runs through the grass", "zebras graze beside a dog", "a zebra grazes");
    const fresh = DocumentFrequencies.of(references, ptbTokenizer);
    const before = chooseByConsensus(candidates, fresh);
    chooseByConsensus(captions("quagga after quagga", "a quagga grazes"), fresh);
    expect(chooseByConsensus(candidates, fresh)).toEqual(before);
  });

  it("refuses no candidate, weights that are none, and references without contrast", () => {
    expect(() => chooseByConsensus([], frequencies)).toThrow("Expected at least one caption for candidates");
    expect(() => chooseByConsensus([{ caption: "a dog", weight: -2.5 }], frequencies)).toThrow(
      "Expected a number of at least 0 for weight but received -2.5.",
    );
    expect(() => chooseByConsensus([{ caption: "a dog", weight: Number.NaN }], frequencies)).toThrow("for weight");
    expect(() => chooseByConsensus([{ caption: "a dog", weight: 0 }], frequencies)).toThrow(
      "Expected a weight above 0 for candidates",
    );
    expect(() => DocumentFrequencies.of([["a dog"]], ptbTokenizer)).toThrow("Expected at least two images");
  });
});
