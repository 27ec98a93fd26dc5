import { describe, expect, it } from "vitest";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { type SampleOptions, sampleCaptions } from "./sample-captions.js";

const A = 4;
const B = 5;
/** Image 0 mostly writes A, image 1 mostly B; either ends after two words. Specials are likeliest of all, and must never be written. */
const decoder = new TableDecoder({
  vocabSize: 6,
  logits: (prefix, image) => (prefix.length >= 2 ? [9, 9, 8, 9, 0, 0] : [9, 9, -9, 9, image === 0 ? 1 : 0, image]),
});
const options = (changes: Partial<SampleOptions> = {}): SampleOptions => ({
  samples: 3,
  greedy: false,
  temperature: 1,
  maxLength: 10,
  random: new Random(1),
  ...changes,
});
const features = tableFeatures([0, 1]);

describe("sampled captions", () => {
  it("end with <end> and hold nothing that is never written", async () => {
    const captions = (await sampleCaptions(decoder, features, options({ samples: 50 }))).flat();
    expect(captions).toHaveLength(100);
    for (const tokenIds of captions) {
      expect(tokenIds.indexOf(END_TOKEN_ID)).toBe(tokenIds.length - 1);
      expect(tokenIds.filter((tokenId) => tokenId < A && tokenId !== END_TOKEN_ID)).toEqual([]);
    }
  });

  it("follow the decoder's probabilities", async () => {
    const [first] = await sampleCaptions(decoder, features, options({ samples: 4000 }));
    const share = first!.filter(([tokenId]) => tokenId === A).length / 4000;
    const expected = Math.E / (Math.E + 1);
    // Four standard deviations.
    expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 4000));
  });

  it("sharpen at a low temperature", async () => {
    const [first, second] = await sampleCaptions(decoder, features, options({ samples: 100, temperature: 0.05 }));
    expect(first!.every(([tokenId]) => tokenId === A)).toBe(true);
    expect(second!.every(([tokenId]) => tokenId === B)).toBe(true);
  });

  it("put the greedy caption after each image's samples", async () => {
    const captions = await sampleCaptions(decoder, features, options({ greedy: true }));
    expect(captions.map((ofImage) => ofImage.length)).toEqual([4, 4]);
    expect(captions.map((ofImage) => ofImage[3])).toEqual([
      [A, A, END_TOKEN_ID],
      [B, B, END_TOKEN_ID],
    ]);
  });

  it("are cut at maxLength, and the same for the same random stream", async () => {
    const draw = () => sampleCaptions(decoder, features, options({ maxLength: 2 }));
    const captions = await draw();
    expect(captions.flat().every((tokenIds) => tokenIds.length === 2 && !tokenIds.includes(END_TOKEN_ID))).toBe(true);
    expect(await draw()).toEqual(captions);
  });
});
