// Checks this package against a folder of values that the reference programs printed, and reports the largest difference per file.
//   node packages/eval/scripts/check-oracles.mjs FOLDER [paraphrase-en.gz]
// Needs a build (pnpm turbo build). Exit code 1 if a value is off by more than 1e-9 or a token differs.
import { readFileSync } from "node:fs";
import path from "node:path";
import * as evaluation from "../dist/index.js";
import { stemEnglish } from "../dist/metrics/meteor/english-stemmer.js";
import { loadParaphrases, loadSynonyms } from "../dist/node.js";

const [folder, fullTable] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node check-oracles.mjs FOLDER [paraphrase-en.gz]");
  process.exit(2);
}
const TOLERANCE = 1e-9;
const {
  bleu,
  ciderD,
  Corpus,
  corpusPhrases,
  dropPunctuation,
  meteor,
  normalizeForMeteor,
  noTokenizer,
  ptbTokenizer,
  ptbTokens,
  rougeL,
} = evaluation;
const file = (name) => path.join(folder, name);
const json = (name) => JSON.parse(readFileSync(file(name), "utf8"));
const synonyms = await loadSynonyms();
let failed = false;

/** Largest difference by metric, for one file. */
class Differences {
  constructor(name) {
    this.name = name;
    this.byMetric = new Map();
    this.count = 0;
  }
  add(metric, actual, wanted) {
    const difference = Math.abs(actual - wanted);
    this.count++;
    if (!(difference <= (this.byMetric.get(metric) ?? 0))) this.byMetric.set(metric, difference);
  }
  report() {
    const all = [...this.byMetric.values()];
    const largest = all.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
    if (!(largest <= TOLERANCE)) failed = true;
    const worst = [...this.byMetric].filter(([, d]) => !(d <= TOLERANCE)).map(([metric, d]) => `${metric} ${d}`);
    console.log(
      `${this.name}: ${this.count} values, largest difference ${largest.toExponential(2)}${worst.length ? ` — ${worst.join(", ")}` : ""}`,
    );
  }
}

function reportTokens(name, rows) {
  const wrong = rows.filter(([, actual, wanted]) => actual !== wanted);
  if (wrong.length > 0) failed = true;
  console.log(`${name}: ${rows.length} strings, ${wrong.length} different`);
  for (const [input, actual, wanted] of wrong.slice(0, 5))
    console.log(`  ${JSON.stringify(input)}\n    got    ${actual}\n    wanted ${wanted}`);
}

async function scorersFor(corpus) {
  const phrases = corpusPhrases(corpus);
  return {
    Bleu_1: bleu(1),
    Bleu_2: bleu(2),
    Bleu_3: bleu(3),
    Bleu_4: bleu(4),
    ROUGE_L: rougeL(),
    CIDEr: ciderD(),
    METEOR_ex: meteor({ matchers: ["exact"] }),
    METEOR_ex_st: meteor({ matchers: ["exact", "stem"] }),
    METEOR_ex_st_sy: meteor({ synonyms }),
    METEOR_full_minitable: meteor({
      synonyms,
      paraphrases: await loadParaphrases(file("paraphrase-mini.txt"), phrases),
    }),
    METEOR_full: meteor({
      synonyms,
      paraphrases: await loadParaphrases(fullTable ?? file("paraphrase-subset.txt"), phrases),
    }),
  };
}

/** Scores pairs of captions and compares whatever of the known keys is wanted, corpus, segments and METEOR statistics. */
async function checkScores(name, pairs, tokenizer, wantedCorpus, wantedSegment) {
  const differences = new Differences(name);
  const corpus = Corpus.prepare(pairs, tokenizer);
  for (const [key, scorer] of Object.entries(await scorersFor(corpus))) {
    if (!(key in wantedCorpus)) continue;
    const scores = scorer.score(corpus);
    differences.add(`${key} corpus`, scores.corpus, wantedCorpus[key]);
    const sums = wantedCorpus[`${key}_stats`];
    if (sums)
      for (const [column, sum] of columnSums(scores.statistics).entries())
        differences.add(`${key} sums`, sum, sums[column]);
    const mean = wantedCorpus[`${key}_segment_mean`];
    if (mean !== undefined)
      differences.add(`${key} segment mean`, scores.segments.reduce((a, b) => a + b, 0) / pairs.length, mean);
    for (const [i, pair] of pairs.entries()) {
      const wanted = wantedSegment?.(pair.id);
      if (wanted && key in wanted) differences.add(`${key} segments`, scores.segments[i], wanted[key]);
      const row = wanted?.[`${key}_stats`];
      // Chunks of a segment that matches wholly in one chunk are not added to the corpus sums, so the row says 0.
      if (row)
        for (const [c, value] of row.entries())
          if (c !== 20 || value !== 1)
            differences.add(`${key} statistics`, scores.statistics.rows[i * row.length + c], value);
    }
  }
  differences.report();
}

function columnSums({ columns, rows }) {
  return columns.map((_, column) =>
    rows.reduce((sum, value, i) => (i % columns.length === column ? sum + value : sum), 0),
  );
}

const cases = json("cases.json");
const tokenized = json("tokenized.json");
const expected = json("expected.json");
reportTokens(
  "tokenized.json",
  cases.flatMap((row) => {
    const wanted = tokenized[row.id];
    return [
      [row.hypothesis, ptbTokenizer.tokenize(row.hypothesis), wanted.hypothesis],
      ...row.references.map((text, k) => [text, ptbTokenizer.tokenize(text), wanted.references[k]]),
    ];
  }),
);
await checkScores(
  "expected.json",
  cases.map((row) => ({ id: row.id, candidate: row.hypothesis, references: row.references })),
  ptbTokenizer,
  expected.corpus,
  (id) => expected.segments[id],
);

const paraphrase = json("paraphrase_cases.json");
const paraphraseRows = new Map(paraphrase.rows.map((row) => [row.id, row]));
await checkScores(
  "paraphrase_cases.json",
  paraphrase.rows.map((row) => ({ id: row.id, candidate: row.hypothesis, references: row.references })),
  noTokenizer,
  paraphrase.corpus,
  (id) => paraphraseRows.get(id),
);

const demo = json("fakecap_expected.json");
await checkScores(
  "fakecap_expected.json",
  json("fakecap_tokenized_inputs.json").map((row) => ({
    id: String(row.image_id),
    candidate: row.hypothesis,
    references: row.references,
  })),
  noTokenizer,
  demo.oracle_here,
  (id) => demo.segments[id],
);

const edge = json("edge_cases.json");
const spread = (row) => ({ ...row, ...Object.fromEntries(row.Bleu.map((value, k) => [`Bleu_${k + 1}`, value])) });
await checkScores(
  "edge_cases.json",
  edge.rows.map((row, i) => ({ id: String(i), candidate: row.hypothesis, references: row.references })),
  noTokenizer,
  spread(edge.corpus),
  (id) => spread(edge.rows[Number(id)]),
);

const speed = json("speed1000.json");
await checkScores(
  "speed_baseline.json",
  speed.map((row) => ({ id: row.id, candidate: row.hypothesis, references: row.references })),
  ptbTokenizer,
  json("speed_baseline.json").scores,
);

const units = json("tokenizer_normalizer_units.json");
reportTokens(
  "tokenizer_normalizer_units.json, PTB",
  units.map((row) => [row.input, ptbTokens(row.input, null).join(" "), row.ptb_raw_lowercased]),
);
reportTokens(
  "tokenizer_normalizer_units.json, coco",
  units.map((row) => [row.input, dropPunctuation(ptbTokens(row.input, null)).join(" "), row.coco_tokenized]),
);
reportTokens(
  "tokenizer_normalizer_units.json, METEOR",
  units.map((row) => [row.input, normalizeForMeteor(row.input), row.meteor_norm_lowercased]),
);

const stress = json("ptb_stress.json");
reportTokens(
  "ptb_stress.json, PTB",
  stress.map((row, i) => [row.input, ptbTokens(row.input, stress[i + 1]?.input ?? null).join(" "), row.ptb]),
);
reportTokens(
  "ptb_stress.json, coco",
  stress.map((row) => [row.input, ptbTokenizer.tokenize(row.input), row.coco]),
);

const flickr = readFileSync(file("flickr8k_ptb.tsv"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"));
reportTokens(
  "flickr8k_ptb.tsv",
  flickr.map(([raw, wanted = ""]) => [raw, ptbTokenizer.tokenize(raw), wanted]),
);

reportTokens(
  "stems_flickr8k_vocab.json",
  Object.entries(json("stems_flickr8k_vocab.json")).map(([word, stem]) => [word, stemEnglish(word), stem]),
);

process.exitCode = failed ? 1 : 0;
