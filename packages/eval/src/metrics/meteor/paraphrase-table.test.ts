import { describe, expect, it } from "vitest";
import { Corpus } from "../../corpus.js";
import { SeededRandom } from "../../random.js";
import { golden, goldenParaphraseText } from "../../testing/golden.js";
import { ptbTokenizer } from "../../tokenizers/ptb/ptb-tokenizer.js";
import { corpusPhrases } from "./meteor.js";
import { ParaphraseTable } from "./paraphrase-table.js";
import { PhraseSet } from "./phrase-set.js";

const encoder = new TextEncoder();

function phrasesOf(...captions: string[]): PhraseSet {
  const phrases = new PhraseSet();
  for (const caption of captions) phrases.addPhrasesOf(caption);
  return phrases;
}

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

describe("the paraphrase table", () => {
  const bytes = encoder.encode(goldenParaphraseText);

  it("comes out the same however the file is cut into pieces", async () => {
    const phrases = corpusPhrases(Corpus.prepare(golden.images, ptbTokenizer));
    const whole = await ParaphraseTable.read([bytes], phrases);
    expect(whole.size).toBeGreaterThan(5);
    for (const size of [1, 2, 7, 64])
      expect((await ParaphraseTable.read(pieces(bytes, size), phrases)).entries).toEqual(whole.entries);
  });

  it("keeps an entry only if both its phrases are wanted", async () => {
    const table = await ParaphraseTable.read([bytes], phrasesOf("next to", "beside", "atop of"));
    expect([...table.entries]).toEqual([["next to", ["beside"]]]);
  });

  it("finds what a plain reading of the lines finds, for phrases of every length, shared beginnings and any script", async () => {
    const random = new SeededRandom(11);
    // Among the bytes of these letters are 0x8a, 0x8b and 0x0b, which differ from a line end in one or two bits.
    const letters = [..."ab\u000b\u00ca\u024b\u4a8a"];
    const word = () =>
      Array.from({ length: 1 + random.below(9) }, () => letters[random.below(letters.length)]).join("");
    const words = Array.from({ length: 60 }, word);
    const phrase = () => Array.from({ length: 1 + random.below(3) }, () => words[random.below(60)]).join(" ");
    const entries = Array.from({ length: 400 }, phrase)
      .sort()
      .flatMap((left) => Array.from({ length: random.below(4) }, () => [left, phrase()] as const));
    const captions = Array.from({ length: 60 }, () => Array.from({ length: 4 }, phrase).join(" "));
    const inCaptions = (part: string) => captions.some((caption) => ` ${caption} `.includes(` ${part} `));
    const wanted = entries.filter(([left, right]) => inCaptions(left) && inCaptions(right));
    expect(wanted.length).toBeGreaterThan(50);
    expect(wanted.length).toBeLessThan(entries.length / 2);

    const text = entries.map(([left, right], i) => `${1 / (i + 1)}\n${left}\n${right}\n`).join("");
    const table = await ParaphraseTable.read(pieces(encoder.encode(text), 100), phrasesOf(...captions));
    const found = [...table.entries].flatMap(([left, rights]) => rights.map((right) => [left, right]));
    expect(found).toEqual(wanted);
  });

  it("needs no line end behind its last entry", async () => {
    const table = await ParaphraseTable.read(
      [encoder.encode("0.5\nbig dog\nhuge dog")],
      phrasesOf("big dog", "huge dog"),
    );
    expect([...table.entries]).toEqual([["big dog", ["huge dog"]]]);
  });

  it("refuses a file whose lines do not come in threes", async () => {
    await expect(ParaphraseTable.read([encoder.encode("0.5\nleft\n")], new PhraseSet())).rejects.toThrow(
      'Expected three lines per entry for the paraphrase table but received "2 lines in its last entry".',
    );
  });
});
