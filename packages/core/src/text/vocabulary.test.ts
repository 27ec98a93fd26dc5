import { describe, expect, it } from "vitest";
import { ShowtellError, VocabularyError } from "../errors.js";
import { Random } from "../random.js";
import { mutateJson } from "../testing/mutate.js";
import { compareCodePoints } from "./code-point-order.js";
import { Vocabulary } from "./vocabulary.js";

const CAPTIONS = [
  "A dog runs on the beach .",
  "The dog jumps over a log .",
  "A brown dog and a black dog play",
  "Two dogs play on the beach",
  "The cat looks at the dog",
];

describe("Vocabulary.build", () => {
  const vocabulary = Vocabulary.build(CAPTIONS, { minCount: 2 });

  it("orders words by count, then by code point, behind the four special tokens", () => {
    expect(vocabulary.tokens).toEqual(["<pad>", "<start>", "<end>", "<unk>", "dog", "the", "a", "beach", "on", "play"]);
    expect(vocabulary.counts).toEqual([0, 5, 5, 0, 5, 5, 4, 2, 2, 2]);
    expect(vocabulary.size).toBe(10);
  });

  it("counts words, distinct words and coverage as the recipe does, before the end word", () => {
    expect(vocabulary.statistics).toEqual({
      captions: 5,
      tokens: 32,
      distinct: 18,
      kept: 6,
      coveredTokens: 20,
      coverage: 20 / 32,
    });
  });

  it("does not depend on the order of the captions", () => {
    expect(Vocabulary.build([...CAPTIONS].reverse(), { minCount: 2 }).sha256).toBe(vocabulary.sha256);
  });

  it("counts the words that become <unk> when that is asked for", () => {
    expect(Vocabulary.build(CAPTIONS, { minCount: 2, unknown: "token" }).counts[3]).toBe(12);
  });

  it("keeps words with exactly minCount occurrences and drops those below", () => {
    const words = Array.from({ length: 9 }, (_, n) => Array.from({ length: n + 1 }, () => `w${n + 1}`).join(" "));
    const kept = Vocabulary.build(words, { minCount: 5 });
    expect(kept.tokens.slice(4)).toEqual(["w9", "w8", "w7", "w6", "w5"]);
    expect(kept.statistics.coverage).toBe(35 / 45);
  });

  it("refuses captions without a frequent word", () => {
    expect(() => Vocabulary.build(["one two"], {})).toThrow(
      'Expected a word that occurs at least 5 times for the training captions but received "2 different words in 1 captions".',
    );
    expect(() => Vocabulary.build([], { minCount: 1 })).toThrow(VocabularyError);
  });

  it("refuses impossible options", () => {
    expect(() => Vocabulary.build(CAPTIONS, { minCount: 0 })).toThrow(
      "Expected a whole number of at least 1 for minCount but received 0.",
    );
    expect(() => Vocabulary.build(CAPTIONS, { minCount: 1.5 })).toThrow("minCount");
    expect(() => Vocabulary.build(CAPTIONS, { unknown: "change" as "drop" })).toThrow("one of drop, token");
  });
});

describe("encoding and decoding", () => {
  const drop = Vocabulary.build(CAPTIONS, { minCount: 2 });
  const token = Vocabulary.build(CAPTIONS, { minCount: 2, unknown: "token" });

  it("leaves unknown words out under drop", () => {
    expect(drop.encode("The zebra on a beach!")).toEqual([5, 8, 6, 7]);
    expect(drop.encode("zebra")).toEqual([]);
  });

  it("writes <unk> for unknown words under token", () => {
    expect(token.encode("The zebra on a beach!")).toEqual([5, 3, 8, 6, 7]);
  });

  it("cannot be made to write a special token by a caption that spells one", () => {
    for (const tokenizer of ["keras", "unicode"] as const) {
      const vocabulary = Vocabulary.build(["<end> <pad> <start> <unk>"], { minCount: 1, tokenizer });
      expect(vocabulary.tokens.slice(4)).toEqual(["end", "pad", "start", "unk"]);
    }
  });

  it("decodes up to <end> and skips special tokens", () => {
    expect(drop.decode([1, 5, 4, 3, 8, 2, 6, 6])).toBe("the dog on");
    expect(drop.decode(Int32Array.of(5, 7, 0, 0))).toBe("the beach");
    expect(drop.decode([])).toBe("");
  });

  it("gives back the words it kept", () => {
    expect(drop.decode(drop.encode("A dog play on the beach"))).toBe("a dog play on the beach");
  });

  it("refuses ids of another vocabulary", () => {
    expect(() => drop.decode([99])).toThrow("Expected a whole number from 0 to 9 for token id but received 99.");
    expect(() => drop.decode([-1])).toThrow(VocabularyError);
  });

  it("looks words up", () => {
    expect(drop.idOf("dog")).toBe(4);
    expect(drop.idOf("zebra")).toBeUndefined();
    expect(drop.idOf("constructor")).toBeUndefined();
  });
});

describe("the vocabulary file", () => {
  const vocabulary = Vocabulary.build([...CAPTIONS, "été 狗 𠮷"], {
    minCount: 1,
    tokenizer: "unicode",
    unknown: "token",
  });
  const file = () => JSON.parse(JSON.stringify(vocabulary)) as Record<string, unknown>;

  it("comes back the same", () => {
    const back = Vocabulary.parse(file(), "vocabulary.json");
    expect(JSON.stringify(back)).toBe(JSON.stringify(vocabulary));
    expect(back.encode("The dog 狗")).toEqual(vocabulary.encode("The dog 狗"));
    expect(back.statistics).toEqual(vocabulary.statistics);
  });

  const tokens = () => [...vocabulary.tokens];
  it.each([
    ["no object", () => [], "Expected an object for the content of v.json"],
    [
      "another format",
      () => ({ ...file(), format: "x" }),
      'Expected "showtell-vocabulary" for format of v.json but received "x".',
    ],
    ["a wrong version", () => ({ ...file(), version: 2 }), "Expected 1 for version of v.json but received 2."],
    ["an unknown key", () => ({ ...file(), extra: 1 }), 'for the content of v.json but received "extra".'],
    [
      "an unknown tokenizer",
      () => ({ ...file(), tokenizer: "bpe" }),
      "Expected one of keras, unicode for tokenizer of v.json",
    ],
    ["a bad minCount", () => ({ ...file(), minCount: 0 }), "for minCount of v.json but received 0."],
    [
      "a bad unknown rule",
      () => ({ ...file(), unknown: "change" }),
      "Expected one of drop, token for unknown of v.json",
    ],
    ["no tokens", () => ({ ...file(), tokens: null }), "Expected an array of words for tokens of v.json"],
    [
      "a special token out of place",
      () => ({ ...file(), tokens: tokens().reverse() }),
      'Expected "<pad>" for tokens[0] of v.json',
    ],
    [
      "a word twice",
      () => ({ ...file(), tokens: tokens().with(5, "dog").with(4, "dog") }),
      "a word that occurs once for tokens[5]",
    ],
    ["an empty word", () => ({ ...file(), tokens: tokens().with(6, "") }), 'for tokens[6] of v.json but received "".'],
    ["a huge word", () => ({ ...file(), tokens: tokens().with(6, "x".repeat(2000)) }), "for tokens[6] of v.json"],
    ["counts of another length", () => ({ ...file(), counts: [1] }), 'for counts of v.json but received "1 numbers".'],
    [
      "a fractional count",
      () => ({ ...file(), counts: vocabulary.counts.with(4, 0.5) }),
      "for counts[4] of v.json but received 0.5.",
    ],
    [
      "a changed count",
      () => ({ ...file(), counts: vocabulary.counts.with(4, 9) }),
      "statistics.coveredTokens of v.json",
    ],
    ["a changed word", () => ({ ...file(), tokens: tokens().with(6, "wolf") }), "for sha256 of v.json"],
    [
      "missing statistics",
      () => ({ ...file(), statistics: {} }),
      "for statistics.captions of v.json but received undefined.",
    ],
  ])("refuses %s", (_, damaged, message) => {
    expect(() => Vocabulary.parse(damaged(), "v.json")).toThrow(VocabularyError);
    expect(() => Vocabulary.parse(damaged(), "v.json")).toThrow(message);
  });

  it("meets every mutation with the same vocabulary or a VocabularyError", () => {
    const random = new Random(7);
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const damaged = mutateJson(file(), random);
      try {
        expect(Vocabulary.parse(damaged, "v.json").sha256).toBe(vocabulary.sha256);
      } catch (error) {
        if (!(error instanceof ShowtellError)) throw error;
        expect(error).toBeInstanceOf(VocabularyError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });
});

describe("code-point order", () => {
  it("is that of the UTF-8 bytes", () => {
    const words = ["b", "a", "ab", "ö", "z", "狗", "𠮷", "\uff5e", "é", ""];
    const byBytes = [...words].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...words].sort(compareCodePoints)).toEqual(byBytes);
    expect([...words].sort()).not.toEqual(byBytes);
  });
});
