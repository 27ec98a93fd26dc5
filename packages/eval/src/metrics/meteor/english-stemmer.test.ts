import { describe, expect, it } from "vitest";
import { stemEnglish } from "./english-stemmer.js";

// What Snowball's own program (English, 2006) prints for words chosen here to reach every rule.
const STEMS: Readonly<Record<string, readonly string[]>> = {
  "leaves short words and fixed words alone": ["at at", "'s 's", "sky sky", "news news", "bias bias"],
  "knows irregular words": ["skies sky", "lying lie", "gently gentl", "early earli", "only onli"],
  "drops apostrophes": ["'n' n", "dog's dog", "boys' boy", "'s-eye s-ey"],
  "drops plurals": ["caresses caress", "ponies poni", "ties tie", "dogs dog", "gas gas", "this this", "bus bus"],
  "drops endings of the past and the progressive": [
    "agreed agre",
    "feed feed",
    "jumped jump",
    "bring bring",
    "hoping hope",
    "hopping hop",
    "conflated conflat",
    "troubling troubl",
    "falling fall",
    "seemingly seem",
    "ebbed eb",
  ],
  "keeps words that only look like a progressive": [
    "inning inning",
    "outings outing",
    "herring herring",
    "succeed succeed",
  ],
  "turns a final y into i, except at the beginning": ["cry cri", "by by", "say say", "yearly year", "toying toy"],
  "takes derived words back, the longest ending first": [
    "relational relat",
    "conditional condit",
    "vietnamization vietnam",
    "radically radic",
    "hopefulness hope",
    "sensibility sensibl",
    "geology geolog",
    "quickly quick",
    "happily happili",
    "triplicate triplic",
    "formative format",
    "formalize formal",
    "adoption adopt",
    "communion communion",
    "replacement replac",
    "adjustable adjust",
  ],
  "drops a final e and one of two l": ["probate probat", "cease ceas", "hate hate", "controll control", "roll roll"],
  "sets the region of some prefixes by hand": [
    "generate generat",
    "general general",
    "communism communism",
    "arsenal arsenal",
  ],
};

describe("the stemmer", () => {
  it.each(Object.entries(STEMS))("%s", (_, pairs) => {
    for (const pair of pairs) {
      const [word, stem] = pair.split(" ");
      expect(stemEnglish(word!), word).toBe(stem);
    }
  });

  it("takes y for a consonant at the beginning and behind a vowel", () => {
    expect(stemEnglish("youth")).toBe("youth");
    expect(stemEnglish("enjoying")).toBe("enjoy");
    expect(stemEnglish("yyyying")).toBe("yyyi");
  });

  it("accepts any characters", () => {
    for (const word of ["12345", "---", "日本語", "naïvely", "\n\n\ns"])
      expect(stemEnglish(word).length).toBeGreaterThan(0);
  });
});
