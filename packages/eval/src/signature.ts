/** The line that makes a number comparable: everything about the evaluation that changes it. */
import type { Corpus } from "./corpus.js";
import type { Scorer } from "./scorer.js";
import { VERSION } from "./version.js";

/** `CIDEr-D|refs:5|n:1000|tok:ptb-3.4.1|case:lc|end:no|df:references|showtell:0.1.0`; extras (decoding, split) stand before the version. */
export function signatureOf(
  scorer: Scorer,
  corpus: Corpus,
  settings: {
    readonly endToken?: string | undefined;
    readonly extras?: Readonly<Record<string, string | number>> | undefined;
  } = {},
): string {
  const fields = [
    scorer.name,
    `refs:${referenceCounts(corpus)}`,
    `n:${corpus.size}`,
    `tok:${corpus.tokenizerName}`,
    `case:${corpus.letterCase}`,
    `end:${settings.endToken ?? "no"}`,
    ...scorer.details,
    ...Object.entries(settings.extras ?? {}).map(([key, value]) => `${key}:${value}`),
    `showtell:${VERSION}`,
  ];
  return fields.join("|");
}

function referenceCounts(corpus: Corpus): string {
  let fewest = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const pair of corpus.pairs) {
    fewest = Math.min(fewest, pair.references.length);
    most = Math.max(most, pair.references.length);
  }
  if (most === 0) return "0";
  return fewest === most ? String(most) : `${fewest}-${most}`;
}
