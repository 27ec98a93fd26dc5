import { describe, expect, it } from "vitest";
import { normalizeForMeteor } from "./meteor-normalizer.js";
import { ptbTokenizer, ptbTokens } from "./ptb/ptb-tokenizer.js";
import { noTokenizer, withEndToken } from "./tokenizer.js";

describe("the PTB tokeniser", () => {
  const cases: readonly (readonly [text: string, tokens: string])[] = [
    ["Two dogs run, and one sleeps.", "two dogs run , and one sleeps ."],
    ["He'll say he's sure they didn't.", "he 'll say he 's sure they did n't ."],
    ["I cannot, you gotta", "i can not , you got ta"],
    ["The \"red\" 'blue' one", "the `` red '' ` blue ' one"],
    ["(a) [b] {c}", "-lrb- a -rrb- -lsb- b -rsb- -lcb- c -rcb-"],
    ["Dr. No left at 9:30pm.", "dr. no left at 9:30 pm ."],
    ["a mother-in-law's 3/4 cup", "a mother-in-law 's 3/4 cup"],
    ["$5, 10% & #1", "$ 5 , 10 % & # 1"],
    ["wait... what?!", "wait ... what ?!"],
    ["red 🚗 car", "red car"],
    ["see www.example.org or a@b.example", "see www.example.org or a@b.example"],
    ["rock'n'roll in the '90s", "rock 'n' roll in the '90s"],
    ["x.com/y :-)", "x.com / y :--rrb-"],
    ["AT&T's T-shirt", "at&t 's t-shirt"],
    ["1 1/2 cups", "1\u00A01/2 cups"],
    ["a <b c> d", "a <b\u00A0c> d"],
  ];

  it.each(cases)("takes %j apart", (text, tokens) => {
    expect(ptbTokens(text).join(" ")).toBe(tokens);
  });

  it("looks at the next caption to decide about a final dot", () => {
    expect(ptbTokens("Room etc.", "A door").at(-1)).toBe(".");
    expect(ptbTokens("Room etc.", "a door").at(-1)).toBe("etc.");
  });

  it("reads a contraction at the very end of a run as the reference does", () => {
    expect(ptbTokens("you'll").join(" ")).toBe("you 'll");
    expect(ptbTokens("you'll", null).join(" ")).toBe("you ` ll");
  });

  it("drops the listed punctuation, and only that", () => {
    expect(ptbTokenizer.tokenize('Stop! "Why?!" - he said (twice); go...')).toBe(
      "stop why ?! he said -lrb- twice -rrb- go",
    );
  });

  it("gives plain text the same tokens by its short cut as by its rules", () => {
    for (const text of ["a dog runs .", "two cats", "we cannot .", "a b . c", "the dog ."]) {
      const byRules = ptbTokens(text).filter((token) => token !== ".");
      expect(ptbTokenizer.tokenize(text)).toBe(byRules.join(" "));
    }
  });

  it("keeps a line break inside a caption from moving the captions after it", () => {
    for (const sign of ["\n", "\r", "\u0085", "\u2028", "\v", "\f"])
      expect(ptbTokenizer.tokenize(`a dog${sign}runs`)).toBe("a dog runs");
  });

  it("stays quick on text made to slow it down", () => {
    for (const text of [
      "a-".repeat(4000),
      "'".repeat(4000),
      "1,".repeat(4000),
      "a.".repeat(4000),
      `<a ${"b ".repeat(2000)}`,
      "a@".repeat(2000),
    ]) {
      expect(ptbTokens(text).length).toBeGreaterThan(0);
    }
  });
});

describe("METEOR's normaliser", () => {
  const cases: readonly (readonly [text: string, words: string])[] = [
    ["the u.s. flag", "the us flag"],
    ["don't rock 'n' roll", "don 't rock ' n ' roll"],
    ["1980's cars", "1980 's cars"],
    ["1,000 men,women", "1,000 men , women"],
    ["a half-pipe -- yes", "a half pipe - yes"],
    ["“so” ‘it’ goes…", "\" so \" ' it ' goes …"],
    ["pp. 5 of vol. x", "pp. 5 of vol. x"],
    ["the end.", "the end ."],
    ["wait...", "wait ..."],
    ["中文", "中 文"],
    ["Mr. Bean", "mr. bean"],
  ];

  it.each(cases)("turns %j into words", (text, words) => {
    expect(normalizeForMeteor(text)).toBe(words);
  });
});

describe("the end token", () => {
  it("stands behind every caption and in no other place", () => {
    const tokenizer = withEndToken(noTokenizer, "endword");
    expect(tokenizer.tokenize("a dog")).toBe("a dog endword");
    expect(tokenizer.tokenize("")).toBe("endword");
  });
});
