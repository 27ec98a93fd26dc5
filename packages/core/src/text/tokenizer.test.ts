import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tokenizerByName } from "./tokenizer.js";

describe("the keras tokenizer", () => {
  const { tokenize, detokenize } = tokenizerByName("keras");

  it.each([
    ["A boy's T-shirt , red .", ["a", "boy's", "t", "shirt", "red"]],
    ["Two dogs\tplay;\nthey run (fast)!", ["two", "dogs", "play", "they", "run", "fast"]],
    ['!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', []],
    ["number 23 's 3.5 m", ["number", "23", "'s", "3", "5", "m"]],
    ["", []],
    ["   ", []],
  ])("cuts %j as Keras 2.0.4 does", (caption, words) => {
    expect(tokenize(caption)).toEqual(words);
  });

  it("cuts 300 random captions as Keras 2.0.4 did", () => {
    const path = new URL("../../../../fixtures/golden/keras-tokenizer.json", import.meta.url);
    const { cases } = JSON.parse(readFileSync(path, "utf8")) as { cases: [string, string[]][] };
    expect(cases).toHaveLength(300);
    for (const [caption, words] of cases) expect(tokenize(caption), JSON.stringify(caption)).toEqual(words);
  });

  it("splits at spaces and at no other white space, as Keras does", () => {
    expect(tokenize("no\u00a0break\rreturn")).toEqual(["no\u00a0break\rreturn"]);
  });

  it("joins words with spaces", () => {
    expect(detokenize(["a", "red", "ball"])).toBe("a red ball");
  });
});

describe("the unicode tokenizer", () => {
  const { tokenize, detokenize } = tokenizerByName("unicode");

  it.each([
    ["English", "Two dogs don't play – they're asleep.", ["two", "dogs", "don't", "play", "they're", "asleep"]],
    ["typographic apostrophes", "L’homme d'affaires ’quoted’", ["l'homme", "d'affaires", "quoted"]],
    ["hyphens", "a well-known T-shirt", ["a", "well", "known", "t", "shirt"]],
    ["digits", "1,000 dogs, 3.5 m, the 2nd mp3, 7.", ["1,000", "dogs", "3.5", "m", "the", "2nd", "mp3", "7"]],
    ["German", "Ein GROSSER Hund läuft über die Straße", ["ein", "grosser", "hund", "läuft", "über", "die", "straße"]],
    ["Greek with a final sigma", "ΣΚΥΛΟΣ", ["σκυλος"]],
    ["Russian", "Собака бежит по пляжу.", ["собака", "бежит", "по", "пляжу"]],
    ["Arabic with marks and tatweel", "كَلْبٌ يـركض على الشاطئ، سريعًا", ["كَلْبٌ", "يركض", "على", "الشاطئ", "سريعًا"]],
    ["Persian with a joiner", "سگ می‌دود", ["سگ", "می‌دود"]],
    ["Hindi with vowel signs", "कुत्ता दौड़ रहा है।", ["कुत्ता", "दौड़", "रहा", "है"]],
    ["Hebrew", "כלב רץ על החוף", ["כלב", "רץ", "על", "החוף"]],
    ["Korean", "개가 해변을 달린다.", ["개가", "해변을", "달린다"]],
    ["Chinese, a word per character", "一只狗在海滩上跑。", ["一", "只", "狗", "在", "海", "滩", "上", "跑"]],
    ["Japanese, loan words whole", "犬がビーチを走る", ["犬", "が", "ビーチ", "を", "走", "る"]],
    ["Thai, marks stay on their letter", "หมาวิ่ง", ["ห", "ม", "า", "วิ่", "ง"]],
    ["mixed scripts", "2匹のdogs", ["2", "匹", "の", "dogs"]],
    ["letters outside the basic plane", "𠮷野家 𐐀𐐁", ["𠮷", "野", "家", "𐐨𐐩"]],
    ["emoji and symbols, which are no words", "❤️ 🐕 + = €", []],
    ["soft hyphens and direction marks", "sea\u00adside \u200fab\u200e", ["seaside", "ab"]],
    ["nothing", "", []],
  ])("handles %s", (_, caption, words) => {
    expect(tokenize(caption)).toEqual(words.map((word) => word.normalize("NFC")));
  });

  it("gives the same words for composed and decomposed text", () => {
    const caption = "Un café où l'été brûle, Åre, Việt Nam, 각하";
    expect(tokenize(caption.normalize("NFD"))).toEqual(tokenize(caption.normalize("NFC")));
  });

  it("is idempotent: the words of a joined caption are its words", () => {
    for (const caption of [
      "Don't stop, 3.5 km!",
      "犬がビーチを走る",
      "İstanbul'da 2 köpek",
      "หมาวิ่ง on the beach",
      "กขค ABC 漢字",
    ]) {
      const words = tokenize(caption);
      expect(tokenize(detokenize(words))).toEqual(words);
    }
  });

  it("joins scripts without spaces as they are written", () => {
    expect(detokenize(tokenize("犬がビーチを走る"))).toBe("犬がビーチを走る");
    expect(detokenize(["a", "狗", "跑", "fast"])).toBe("a 狗跑 fast");
  });

  it("stays fast on hostile input", () => {
    expect(tokenize("1".repeat(200_000))).toHaveLength(1);
    expect(tokenize("a'".repeat(100_000))).toHaveLength(1);
    expect(tokenize(`a${"\u0301".repeat(100_000)}`)).toHaveLength(1);
  });
});

it("tells an unknown tokenizer from a known one", () => {
  expect(() => tokenizerByName("bpe")).toThrow('Expected one of keras, unicode for tokenizer but received "bpe".');
  expect(() => tokenizerByName("constructor")).toThrow("Expected one of keras, unicode");
});
