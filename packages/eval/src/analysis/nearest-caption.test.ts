import { describe, expect, it } from "vitest";
import { SeededRandom } from "../random.js";
import { CaptionSet } from "./nearest-caption.js";

/** The recursive definition, word by word. */
function plainDistance(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return a.length + b.length;
  const [[first, ...restOfA], [other, ...restOfB]] = [a, b];
  if (first === other) return plainDistance(restOfA, restOfB);
  return 1 + Math.min(plainDistance(restOfA, b), plainDistance(a, restOfB), plainDistance(restOfA, restOfB));
}

describe("the nearest caption of a set", () => {
  const set = new CaptionSet(["A dog runs on the beach.", "Two dogs play in the snow.", "a man"]);

  it("is a copy where the words are the same, whatever case and punctuation say", () => {
    expect(set.nearest("a dog runs on the beach")).toEqual({ caption: "A dog runs on the beach.", edits: 0 });
  });

  it("needs one edit for a word replaced, added or missing", () => {
    expect(set.nearest("a cat runs on the beach")?.edits).toBe(1);
    expect(set.nearest("a brown dog runs on the beach")?.edits).toBe(1);
    expect(set.nearest("dog runs on the beach")?.edits).toBe(1);
    expect(set.nearest("a man stands")).toEqual({ caption: "a man", edits: 1 });
  });

  it("is the first of equally near ones, counts words and not letters, and knows empty captions", () => {
    expect(new CaptionSet(["x b", "a y"]).nearest("a b")?.caption).toBe("x b");
    expect(new CaptionSet(["abcdefgh"]).nearest("zyxwvuts")?.edits).toBe(1);
    expect(set.nearest("")).toEqual({ caption: "a man", edits: 2 });
  });

  it("is none of an empty set", () => {
    expect(new CaptionSet([]).nearest("a dog")).toBeUndefined();
  });

  it("is what trying every caption finds", () => {
    const random = new SeededRandom(5);
    const sentence = () => Array.from({ length: random.below(6) + 1 }, () => "abcd"[random.below(4)]!);
    const captions = Array.from({ length: 60 }, sentence);
    const letters = new CaptionSet(captions.map((words) => words.join(" ")));
    expect(letters.size).toBe(new Set(captions.map((words) => words.join(" "))).size);
    for (let turn = 0; turn < 100; turn++) {
      const wanted = sentence();
      const least = Math.min(...captions.map((words) => plainDistance(wanted, words)));
      expect(letters.nearest(wanted.join(" "))?.edits).toBe(least);
    }
  });
});
