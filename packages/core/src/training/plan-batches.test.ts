import { describe, expect, it } from "vitest";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import { parseRecipe } from "./parse-recipe.js";
import { batchesPerEpoch, type PlannedBatch, planEpoch, planEvaluation } from "./plan-batches.js";
import type { Examples } from "./training-examples.js";

const images = Array.from({ length: 23 }, (_, image) => ({
  id: `photo-${image}`,
  captions: Array.from({ length: 1 + (image % 4) }, (_, i) => [
    ...Array(2 + ((image * 7 + i * 3) % 9)).fill(4 + image),
    END_TOKEN_ID,
  ]),
}));
const examples: Examples = {
  images,
  captionCount: images.reduce((sum, image) => sum + image.captions.length, 0),
  withoutFeatures: [],
  unusedCaptions: 0,
};
const recipe = (yaml: string) => parseRecipe(yaml, "test");
const pairsOf = (batches: readonly PlannedBatch[]) =>
  batches
    .flatMap(({ requests, imageOfRow, captions }) =>
      captions.map((caption, row) => `${requests[imageOfRow[row]!]!.imageId} ${caption}`),
    )
    .sort();
const allPairs = images.flatMap(({ id, captions }) => captions.map((caption) => `${id} ${caption}`)).sort();
const padding = (batches: readonly PlannedBatch[]) =>
  batches.reduce((sum, { captions }) => {
    const longest = Math.max(...captions.map((caption) => caption.length));
    return sum + captions.reduce((gaps, caption) => gaps + longest - caption.length, 0);
  }, 0);

describe("planned batches", () => {
  it.each([
    "{by: captions, batchSize: 4}",
    "{by: captions, batchSize: 4, bucketBatches: 1}",
    "{by: photos, photosPerBatch: 5}",
  ])("hold every caption once with its image, by %s", (batching) => {
    const plan = recipe(`batching: ${batching}`);
    const batches = planEpoch(examples, plan, new Random(1));
    expect(pairsOf(batches)).toEqual(allPairs);
    expect(batches).toHaveLength(batchesPerEpoch(examples, plan.batching));
    expect(pairsOf(planEvaluation(examples, plan))).toEqual(allPairs);
    for (const { requests } of batches)
      expect(new Set(requests.map(({ imageId }) => imageId)).size).toBe(requests.length);
  });

  it("are a function of the random stream's position", () => {
    const plan = recipe("features: {views: [plain, mirrored]}");
    const random = new Random(9);
    const first = planEpoch(examples, plan, random);
    const position = random.position;
    const second = planEpoch(examples, plan, random);
    expect(planEpoch(examples, plan, new Random(9))).toEqual(first);
    expect(planEpoch(examples, plan, new Random(9, 0, position))).toEqual(second);
    expect(second).not.toEqual(first);
  });

  it("need less padding with buckets", () => {
    const plain = planEpoch(
      examples,
      recipe("batching: {by: captions, batchSize: 4, bucketBatches: 1}"),
      new Random(2),
    );
    const bucketed = planEpoch(
      examples,
      recipe("batching: {by: captions, batchSize: 4, bucketBatches: 8}"),
      new Random(2),
    );
    expect(padding(bucketed)).toBeLessThan(padding(plain) / 2);
  });

  it("keep all captions of a photo together when grouped by photos", () => {
    for (const { requests, captions } of planEpoch(
      examples,
      recipe("batching: {by: photos, photosPerBatch: 5}"),
      new Random(3),
    )) {
      const whole = requests.reduce(
        (sum, { imageId }) => sum + images.find(({ id }) => id === imageId)!.captions.length,
        0,
      );
      expect(captions).toHaveLength(whole);
    }
  });

  it("show photos in each of the views asked for about equally often", () => {
    const views = (yaml: string) =>
      planEpoch(examples, recipe(yaml), new Random(5)).flatMap(({ requests }) => requests.map(({ view }) => view));
    expect(new Set(views("features: {views: [plain]}"))).toEqual(new Set(["plain"]));
    for (const asked of [
      ["plain", "mirrored"],
      ["mirrored", "closer", "closer-mirrored"],
    ]) {
      const drawn = views(`features: {views: [${asked.join(", ")}]}\nbatching: {by: captions, batchSize: 2}`);
      expect(new Set(drawn)).toEqual(new Set(asked));
      for (const view of asked) {
        const share = drawn.filter((other) => other === view).length / drawn.length;
        expect(share).toBeGreaterThan(0.5 / asked.length);
        expect(share).toBeLessThan(1.6 / asked.length);
      }
    }
    expect(
      planEvaluation(examples, recipe("features: {views: [plain, mirrored]}"))
        .flatMap(({ requests }) => requests)
        .every(({ view }) => view === "plain"),
    ).toBe(true);
  });
});
