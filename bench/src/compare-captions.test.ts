import type { SplitCaption } from "@showtell/core";
import { expect, it } from "vitest";
import { compareCaptions } from "./compare-captions.js";

function captionOf(id: string, tokenIds: readonly number[], normalizedScore: number): SplitCaption {
  const caption = { tokenIds, logProbs: [], score: normalizedScore, normalizedScore, endedByMaxLength: false };
  return {
    image: { id, path: id, captions: [], split: "dev" },
    caption: tokenIds.join(" "),
    generated: { captions: [caption] },
  };
}

it("tells the same words from ties that rounding broke another way, and both from faults", () => {
  const own = [
    captionOf("a", [4, 2], -1),
    captionOf("b", [4, 2], -1),
    captionOf("c", [4, 2], -1),
    captionOf("d", [4, 2], -1),
  ];
  const other = [
    captionOf("a", [4, 2], -1.5),
    captionOf("b", [5, 2], -1.000001),
    captionOf("c", [5, 2], -1.1),
    captionOf("d", [5, 2], Number.NaN),
  ];
  expect(compareCaptions(own, other)).toMatchObject({ photos: 4, identical: 1, nearTies: 1 });
  expect(compareCaptions(own, other).different.map(({ image }) => image)).toEqual(["c", "d"]);
});
