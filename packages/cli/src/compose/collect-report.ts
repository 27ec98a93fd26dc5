import { imagesOf } from "@showtell/core";
import { CaptionSet, ptbTokenizer, type Tokenizer } from "@showtell/eval";
import { describeCaptions, describeDataset, describeRun, groupByConfidence, scorePeople } from "../report/describe.js";
import { pickCaptions } from "../report/pick-captions.js";
import { type ReportData, type ReportPictures, SHOWN_LISTS } from "../report/report-data.js";
import { wordUse } from "../report/word-use.js";
import { type DecodedRun, type DecodeRunOptions, decodeMainRun, decodeRun } from "./decode-run.js";
import { makePictures } from "./report-pictures.js";
import type { RunToReport } from "./reported-run.js";
import { trainingCaptions } from "./score-split.js";

export interface ReportOptions extends DecodeRunOptions {
  /** Captions in each list that is shown with photos. */
  readonly shownPerList: number;
  /** Showtell's. */
  readonly version: string;
  readonly now: Date;
}

/**
 * Captions a split with every run, scores and compares, and gathers all that a report shows.
 * @param runs the first is the one the report is about
 */
export async function collectReport(
  [first, ...others]: readonly [RunToReport, ...RunToReport[]],
  options: ReportOptions,
): Promise<{ data: ReportData; pictures: ReportPictures; photosFailed: boolean }> {
  const { split, views, terminal, signal, backend } = options;
  const main = await decodeMainRun(first, options);
  const compared: DecodedRun[] = [];
  for (const run of others) compared.push(await decodeRun(run, options));

  const { dataset, evaluation } = main;
  const tokenizer = remembering(ptbTokenizer);
  const training = trainingCaptions(dataset);
  const captions = describeCaptions(main, compared, new CaptionSet(training, tokenizer));
  const people = await scorePeople(captions, evaluation);
  const shown = pickCaptions(captions, options.shownPerList, "CIDEr");

  const progress = terminal.progress("shrinking", captions.length, "photos");
  const images = new Map(imagesOf(dataset, split).map((image) => [image.id, image]));
  const attendedRegion = main.fit === "cover" ? "square" : "whole";
  const { pictures, missing } = await makePictures({ captions, shown }, images, {
    attendedRegion,
    progress,
    signal,
  }).finally(() => progress.stop());
  if (missing.length > 0) terminal.warn(`${missing.length} photos cannot be shown, the first is ${missing[0]}.`);

  const isShown = new Set(SHOWN_LISTS.flatMap((list) => shown[list]));
  const data: ReportData = {
    formatVersion: 1,
    createdAt: options.now.toISOString(),
    versions: {
      showtell: options.version,
      node: process.versions.node,
      backend: `${backend.name} (${backend.device.description})`,
    },
    dataset: describeDataset(main, split, missing),
    metrics: Object.entries(evaluation.names).map(([key, name]) => ({ key, name })),
    ...(people && { people }),
    runs: [describeRun(main, views), ...compared.map((run) => describeRun(run, views, evaluation))],
    prefixLosses: main.losses,
    confidenceGroups: groupByConfidence(captions),
    words: wordUse(
      captions.map(({ caption }) => caption),
      captions.flatMap(({ references }) => references),
      training,
      tokenizer,
    ),
    // Attention weights are many numbers: those of captions that are not shown are left out.
    captions: captions.map((caption) =>
      isShown.has(caption.id)
        ? caption
        : { ...caption, words: caption.words.map(({ word, probability }) => ({ word, probability })) },
    ),
    shown,
  };
  return { data, pictures, photosFailed: [main, ...compared].some((run) => run.photosFailed) };
}

/** The training captions are asked for more than once. */
function remembering(tokenizer: Tokenizer): Tokenizer {
  const known = new Map<string, string>();
  return {
    ...tokenizer,
    tokenize: (caption) => {
      const tokens = known.get(caption) ?? tokenizer.tokenize(caption);
      known.set(caption, tokens);
      return tokens;
    },
  };
}
