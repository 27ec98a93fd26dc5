/** One cold process for one scoring: `node score-worker.js PAIRS.json RESULT.json none|PARAPHRASES.gz`. */
import { readFileSync, writeFileSync } from "node:fs";
import { type CaptionPair, evaluateCaptions } from "@showtell/eval";
import { loadParaphrases, loadSynonyms } from "@showtell/eval/node";

const [source, target, table] = process.argv.slice(2) as [string, string, string];
const pairs = JSON.parse(readFileSync(source, "utf8")) as CaptionPair[];
const { corpus } = await evaluateCaptions(pairs, {
  synonyms: await loadSynonyms(),
  paraphrases: table === "none" ? undefined : (phrases) => loadParaphrases(table, phrases),
  intervals: false,
});
const peakBytes = process.resourceUsage().maxRSS * 1024;
writeFileSync(
  target,
  JSON.stringify({ version: `@showtell/eval, Node ${process.versions.node}`, corpus, seconds: {}, peakBytes }),
);
