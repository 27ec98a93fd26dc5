import { Random } from "@showtell/core";
import type { ReportedCaption, ShownList } from "./report-data.js";

const SAMPLE_SEED = 1;

/**
 * Ids of the captions that are shown with their photos.
 * @param most captions in each list
 * @param metric key of the score that decides what is best
 */
export function pickCaptions(
  captions: readonly ReportedCaption[],
  most: number,
  metric: string,
): Record<ShownList, string[]> {
  const ids = (list: readonly ReportedCaption[]) => list.slice(0, most).map(({ id }) => id);
  const score = ({ scores }: ReportedCaption) => scores[metric] ?? 0;
  const surestFirst = captions.toSorted((a, b) => b.confidence - a.confidence);
  return {
    sample: ids(new Random(SAMPLE_SEED).shuffle([...captions])),
    best: ids(surestFirst.toSorted((a, b) => score(b) - score(a))),
    worst: ids(surestFirst.toSorted((a, b) => score(a) - score(b))),
    uncertain: ids(surestFirst.toReversed()),
  };
}
