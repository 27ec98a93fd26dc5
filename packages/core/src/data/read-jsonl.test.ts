import { describe, expect, it } from "vitest";
import { failure, load, summary } from "../testing/load-files.js";
import { withFiles } from "../testing/temporary-files.js";
import { loadDataset } from "./load-dataset.js";

describe("JSONL", () => {
  const lines = [
    '{"image": "photos/a.jpg", "captions": ["A dog.", "Dogs."], "split": "train"}',
    '{"image": "photos/b.jpg", "captions": ["A cat."], "split": "val", "licence": "CC0"}',
    '{"image": "/abs/c.jpg", "captions": []}',
  ];

  it("is read with paths relative to the file", async () => {
    const dataset = await load({ "captions.jsonl": `\ufeff${lines.join("\r\n")}\r\n` });
    expect(dataset.format).toBe("jsonl");
    expect(summary(dataset).slice(0, 2)).toEqual([
      "train photos/a.jpg @ photos/a.jpg: A dog. | Dogs.",
      "dev photos/b.jpg @ photos/b.jpg: A cat.",
    ]);
  });

  it("keeps absolute paths", () =>
    withFiles({ "captions.jsonl": lines.join("\n") }, async (directory) => {
      expect((await loadDataset(directory)).images[2]).toEqual({
        id: "/abs/c.jpg",
        path: "/abs/c.jpg",
        captions: [],
        split: "train",
      });
    }));

  it("may come as one file for each split", async () => {
    const line = (name: string) => `{"image": "${name}", "captions": ["A dog."]}\n`;
    const dataset = await load({ "test.jsonl": line("c"), "train.jsonl": line("a"), "val.jsonl": line("b") });
    expect(dataset.images.map(({ id, split }) => `${id} ${split}`)).toEqual(["c test", "a train", "b dev"]);
  });

  it.each([
    [
      "a broken line",
      '{"image": "b.jpg", "captions": [',
      "Expected one JSON object a line for DIR/captions.jsonl:2 but received",
    ],
    ["a line without image", '{"captions": ["x"]}', "Expected an object with an `image` path for DIR/captions.jsonl:2"],
    [
      "captions that are no array",
      '{"image": "b.jpg", "captions": "x"}',
      'Expected an array of strings as `captions` for DIR/captions.jsonl:2 but received "x".',
    ],
    [
      "a caption that is no text",
      '{"image": "b.jpg", "captions": [7]}',
      "Expected text as caption for DIR/captions.jsonl:2 but received 7.",
    ],
    [
      "an unknown split",
      '{"image": "b.jpg", "captions": ["x"], "split": "holdout"}',
      'for DIR/captions.jsonl:2 but received "holdout".',
    ],
    [
      "an image twice",
      '{"image": "photos/a.jpg", "captions": ["x"]}',
      "Expected an image that occurs once for DIR/captions.jsonl:2",
    ],
    [
      "an address as image",
      '{"image": "https://example.org/a.jpg", "captions": ["x"]}',
      "Expected the path of an image file for DIR/captions.jsonl:2",
    ],
    [
      "an endless caption",
      `{"image": "b.jpg", "captions": ["${"x".repeat(30_000)}"]}`,
      'a caption for DIR/captions.jsonl:2 but received "30000 characters".',
    ],
  ])("refuses %s", async (_, line, message) => {
    expect((await failure({ "captions.jsonl": `${lines[0]}\n${line}\n` })).message).toContain(message);
  });

  it("refuses invalid UTF-8 with the line", async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${lines[0]}\n{"image": "b.jpg", "captions": ["caf`),
      Buffer.from([0xe9]),
      Buffer.from('"]}\n'),
    ]);
    expect((await failure({ "captions.jsonl": bytes })).message).toBe(
      'Expected UTF-8 text for DIR/captions.jsonl:2 but received "bytes that are none".',
    );
  });

  it("is recognised even if its first line is broken", async () => {
    expect((await failure({ "captions.jsonl": '{"image": \n' })).message).toContain("captions.jsonl:1");
  });
});
