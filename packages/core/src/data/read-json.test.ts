import { describe, expect, it } from "vitest";
import { failure, load, summary } from "../testing/load-files.js";

describe("Karpathy JSON", () => {
  const document = {
    dataset: "flickr8k",
    images: [
      { filename: "a.jpg", split: "train", sentences: [{ raw: "A dog.", tokens: ["a", "dog"] }, { raw: "Dogs." }] },
      { filename: "b.jpg", split: "val", sentences: [{ raw: "Two cats." }] },
      { filename: "c.jpg", filepath: "val2014", split: "restval", sentences: [{ raw: "A man." }] },
      { filename: "d.jpg", split: "test", sentences: [] },
    ],
  };

  it.each([
    ["a directory", "", JSON.stringify(document)],
    ["a file", "dataset_flickr8k.json", JSON.stringify(document, null, 2)],
  ])("is read from %s", async (_, path, text) => {
    const dataset = await load({ "dataset_flickr8k.json": text, "images/a.jpg": "" }, path);
    expect(dataset.format).toBe("karpathy");
    expect(summary(dataset)).toEqual([
      "train a.jpg @ images/a.jpg: A dog. | Dogs.",
      "dev b.jpg @ images/b.jpg: Two cats.",
      "train c.jpg @ images/val2014/c.jpg: A man.",
      "test d.jpg @ images/d.jpg: ",
    ]);
  });

  it("refuses an unknown split word with the line of the image", async () => {
    const text = JSON.stringify(document, null, 1).replace('"val"', '"holdout"');
    const { message, hint } = await failure({ "k.json": text, "a.jpg": "" }, "k.json");
    expect(message).toBe('Expected one of train, dev, test as split for DIR/k.json:20 but received "holdout".');
    expect(hint).toContain("train, dev or test");
  });

  it("refuses an image without sentences", async () => {
    const images = [...document.images, { filename: "e.jpg", split: "train" }];
    const { message } = await failure({ "k.json": JSON.stringify({ images }), "a.jpg": "" }, "k.json");
    expect(message).toContain("Expected `filename` and `sentences` in images[4] for DIR/k.json:1 but received");
  });
});

describe("COCO captions JSON", () => {
  const coco = (images: [number, string][], annotations: [number, string][]) =>
    JSON.stringify({
      info: {},
      images: images.map(([id, file_name]) => ({ id, file_name })),
      annotations: annotations.map(([image_id, caption], id) => ({ id, image_id, caption })),
    });
  const train = coco(
    [
      [9, "000009.jpg"],
      [25, "000025.jpg"],
    ],
    [
      [25, "Two giraffes. "],
      [9, "Food."],
      [25, "Giraffes eat."],
    ],
  );
  const val = coco([[42, "000042.jpg"]], [[42, "A dog sleeps."]]);

  it("is read from a directory: one file a split, each with its own directory of photos", async () => {
    const dataset = await load({
      "annotations/captions_train2017.json": train,
      "annotations/captions_val2017.json": val,
      "annotations/instances_val2017.json": val,
      "train2017/000009.jpg": "",
      "val2017/000042.jpg": "",
    });
    expect(dataset.format).toBe("coco");
    expect(summary(dataset)).toEqual([
      "train 9 @ train2017/000009.jpg: Food.",
      "train 25 @ train2017/000025.jpg: Two giraffes. | Giraffes eat.",
      "dev 42 @ val2017/000042.jpg: A dog sleeps.",
    ]);
  });

  it.each([
    ["captions_val2014.json", "dev"],
    ["captions.json", "train"],
    ["my-test-captions.json", "test"],
  ])("takes the split of a single file from its name: %s is %s", async (name, split) => {
    const dataset = await load({ [name]: val, "images/val2017/000042.jpg": "" }, name);
    expect(summary(dataset)).toEqual([`${split} 42 @ images/val2017/000042.jpg: A dog sleeps.`]);
  });

  it("leaves out captions of images that are not listed", async () => {
    const dataset = await load({
      "captions.json": coco(
        [[1, "a.jpg"]],
        [
          [1, "A."],
          [2, "B."],
        ],
      ),
      "a.jpg": "",
    });
    expect(summary(dataset)).toEqual(["train 1 @ a.jpg: A."]);
  });

  it("refuses to choose between two sets of captions", async () => {
    const files = { "captions_train2014.json": train, "captions_train2017.json": train, "train2017/000009.jpg": "" };
    const { message, hint } = await failure(files);
    expect(message).toMatch(/^Expected one set of captions for DIR but received/);
    expect(hint).toBe("Give the path of the file that is meant.");
  });

  it("names the line of a syntax error", async () => {
    const { message } = await failure(
      { "captions.json": `${train.slice(0, 60)}\n${train.slice(60, -20)}` },
      "captions.json",
    );
    expect(message).toMatch(/^Expected valid JSON for DIR\/captions.json:2 but received/);
  });

  it("refuses JSON that is no dataset", async () => {
    expect((await failure({ "x.json": '{"images": [{}]}' }, "x.json")).message).toContain(
      "Expected `annotations` (COCO) or `sentences`",
    );
    expect((await failure({ "x.json": '{"images": 3}' }, "x.json")).message).toContain("Expected an array as `images`");
    expect((await failure({ "x.json": "[]" }, "x.json")).message).toBe(
      'Expected captions for DIR/x.json but received "another kind of file".',
    );
  });
});
