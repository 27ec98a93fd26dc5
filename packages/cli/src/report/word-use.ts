import type { Tokenizer } from "@showtell/eval";
import type { WordShare, WordUse } from "./report-data.js";

const BAND_ENDS = [100, 300, 1000, 3000];
const WORDS_LISTED = 12;

/** Which words the captions use, beside those of the references and of the training captions. */
export function wordUse(
  captions: readonly string[],
  references: readonly string[],
  training: readonly string[],
  tokenizer: Tokenizer,
): WordUse {
  const [said, written, trained] = [captions, references, training].map((texts) => countTexts(texts, tokenizer)) as [
    WordCounts,
    WordCounts,
    WordCounts,
  ];
  const shares = [...new Set([...said.keys(), ...written.keys()])].map((word) => ({
    word,
    inCaptions: (said.get(word) ?? 0) / captions.length,
    inReferences: (written.get(word) ?? 0) / references.length,
  }));
  const excess = ({ inCaptions, inReferences }: WordShare) => inCaptions - inReferences;
  return {
    bands: bands([...trained.entries()].sort(([, a], [, b]) => b - a).map(([word]) => word)).map((band) => ({
      fromRank: band.fromRank,
      toRank: band.fromRank + band.words.length - 1,
      inCaptions: band.words.filter((word) => said.has(word)).length,
      inReferences: band.words.filter((word) => written.has(word)).length,
    })),
    overused: shares
      .filter((share) => excess(share) > 0)
      .sort((a, b) => excess(b) - excess(a))
      .slice(0, WORDS_LISTED),
    neverSaid: shares
      .filter(({ inCaptions }) => inCaptions === 0)
      .sort((a, b) => b.inReferences - a.inReferences)
      .slice(0, WORDS_LISTED),
  };
}

/** In how many texts each word occurs. */
type WordCounts = ReadonlyMap<string, number>;

function countTexts(texts: readonly string[], tokenizer: Tokenizer): WordCounts {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of new Set(tokenizer.tokenize(text).split(" ").filter(Boolean))) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function bands(words: readonly string[]): { fromRank: number; words: readonly string[] }[] {
  const starts = [0, ...BAND_ENDS];
  return starts.flatMap((start, i) => {
    const band = words.slice(start, BAND_ENDS[i] ?? words.length);
    return band.length === 0 ? [] : [{ fromRank: start + 1, words: band }];
  });
}
