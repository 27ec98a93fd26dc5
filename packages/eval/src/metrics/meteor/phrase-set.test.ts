import { describe, expect, it } from "vitest";
import { extendHash, HASH_SEED, PhraseSet } from "./phrase-set.js";

function has(phrases: PhraseSet, phrase: string): boolean {
  return phrases.has(new TextEncoder().encode(phrase).reduce(extendHash, HASH_SEED));
}

describe("the phrases of captions", () => {
  it("are runs of one to seven words", () => {
    const phrases = new PhraseSet();
    phrases.addPhrasesOf("a b c d e f g h");
    expect(has(phrases, "a b c d e f g")).toBe(true);
    expect(has(phrases, "h")).toBe(true);
    expect(has(phrases, "a b c d e f g h")).toBe(false);
    expect(has(phrases, "a c")).toBe(false);
    expect(phrases.size).toBe(8 + 7 + 6 + 5 + 4 + 3 + 2);
  });

  it("count once, in any script, and none in an empty caption", () => {
    const phrases = new PhraseSet();
    for (const caption of ["un café", "", "un café", "日本 😀"]) phrases.addPhrasesOf(caption);
    expect(phrases.size).toBe(6);
    for (const phrase of ["café", "un café", "日本", "日本 😀"]) expect(has(phrases, phrase)).toBe(true);
    expect(has(phrases, "")).toBe(false);
  });

  it("stay when the set grows", () => {
    const phrases = new PhraseSet();
    for (let i = 0; i < 20_000; i++) phrases.addPhrasesOf(`word${i}`);
    expect(phrases.size).toBe(20_000);
    for (let i = 0; i < 20_000; i++) if (!has(phrases, `word${i}`)) expect.fail(`word${i}`);
  });
});
