/** Brings hypotheses and references together, image by image. */
import type { CaptionPair } from "../corpus.js";
import { EvaluationError, expected, nameSome } from "../errors.js";
import type { CaptionList } from "./caption-list.js";

export interface PairingOptions {
  /** Score the images both files have instead of refusing. */
  readonly ignoreMissing?: boolean;
}

/**
 * @returns one pair per image, in the order of the references
 * @throws EvaluationError naming images with several hypotheses, without a hypothesis, without references, or without either counterpart
 */
export function pairCaptions(
  references: CaptionList,
  hypotheses: CaptionList,
  options: PairingOptions = {},
): CaptionPair[] {
  const ignore = options.ignoreMissing ?? false;
  checkNumbering(references, hypotheses);
  const repeated = [...hypotheses.captions].filter(([, captions]) => captions.length > 1).map(([id]) => id);
  if (repeated.length > 0) {
    throw new EvaluationError(
      expected(
        "one hypothesis per image",
        hypotheses.source,
        `several for ${nameSome(repeated.map((id) => withPlaces(id, hypotheses)))}`,
      ),
    );
  }
  const bare = [...references.captions].filter(
    ([id, captions]) => captions.length === 0 && (!ignore || hypotheses.captions.has(id)),
  );
  if (bare.length > 0 && !ignore) {
    throw new EvaluationError(
      expected("references for every image", references.source, `none for ${nameSome(bare.map(([id]) => id))}`),
      hintMissing(),
    );
  }
  const missing = [...references.captions.keys()].filter((id) => !hypotheses.captions.get(id)?.length);
  if (missing.length > 0 && !ignore) {
    throw new EvaluationError(
      expected("a hypothesis for every image", hypotheses.source, `none for ${nameSome(missing)}`),
      hintMissing(),
    );
  }
  const surplus = [...hypotheses.captions.keys()].filter((id) => !references.captions.has(id));
  if (surplus.length > 0 && !ignore) {
    throw new EvaluationError(
      expected("references for every hypothesis", references.source, `none for ${nameSome(surplus)}`),
      hintMissing(),
    );
  }
  const pairs: CaptionPair[] = [];
  for (const [id, captions] of references.captions) {
    const candidate = hypotheses.captions.get(id)?.[0];
    if (candidate !== undefined && captions.length > 0) pairs.push({ id, candidate, references: captions });
  }
  if (pairs.length === 0) {
    throw new EvaluationError(
      expected(`images of ${references.source}`, hypotheses.source, nameSome([...hypotheses.captions.keys()], 2)),
      {
        hint: "Both files must call an image by the same id.",
      },
    );
  }
  return pairs;
}

/** Parallel files of plain lines: line k of each is a reference of image k. */
export function mergeReferences(lists: readonly CaptionList[]): CaptionList {
  const [first, ...others] = lists;
  if (first === undefined) throw new EvaluationError(expected("at least one file", "references", lists));
  const captions = new Map([...first.captions].map(([id, own]) => [id, [...own]]));
  for (const list of others) {
    checkNumbering(first, list);
    if (list.numbered && list.captions.size !== first.captions.size) {
      throw new EvaluationError(
        expected(`as many lines as ${first.source} (${first.captions.size})`, list.source, list.captions.size),
      );
    }
    for (const [id, own] of list.captions) captions.set(id, [...(captions.get(id) ?? []), ...own]);
  }
  return { source: lists.map((list) => list.source).join(" + "), captions, numbered: first.numbered };
}

/** `7.jpg (line 3, line 9)`; a dictionary has no better place than the id itself. */
function withPlaces(id: string, { places }: CaptionList): string {
  const distinct = new Set(places?.get(id)?.filter((place) => place !== `image ${id}`));
  return distinct.size === 0 ? id : `${id} (${[...distinct].join(", ")})`;
}

function checkNumbering(one: CaptionList, other: CaptionList): void {
  if (one.numbered === other.numbered) return;
  const plain = one.numbered ? one : other;
  throw new EvaluationError(expected("image ids in both files or in neither", plain.source, "plain lines"), {
    hint: "Plain lines go with plain lines, line by line; otherwise give ids (JSON, JSONL, CSV).",
  });
}

function hintMissing(): { hint: string } {
  return { hint: "Use --ignore-missing (ignoreMissing) to score the images both files have." };
}
