import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DatasetError } from "../errors.js";
import { withFiles } from "../testing/temporary-files.js";
import type { Dataset } from "./dataset.js";
import { loadDataset } from "./load-dataset.js";

type Files = Record<string, string | Uint8Array>;

/** Loads the dataset at a path below a directory with these files; paths come back relative to that directory. */
function load(files: Files, path = "", images?: string) {
  return withFiles(files, async (directory) => {
    const dataset = await loadDataset(
      join(directory, path),
      images === undefined ? {} : { images: join(directory, images) },
    );
    return {
      ...dataset,
      images: dataset.images.map((image) => ({ ...image, path: image.path.slice(directory.length + 1) })),
    };
  });
}

function failure(files: Files, path = ""): Promise<{ message: string; hint: string | undefined }> {
  return withFiles(files, async (directory) => {
    try {
      await loadDataset(join(directory, path));
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      return { message: error.message.replaceAll(directory, "DIR"), hint: error.hint };
    }
    throw new Error("The dataset loaded.");
  });
}

const summary = (dataset: Pick<Dataset, "images">) =>
  dataset.images.map(({ id, path, split, captions }) => `${split} ${id} @ ${path}: ${captions.join(" | ")}`);

const TOKENS = "a.jpg#0\tA dog .\na.jpg#1\tA brown dog .\nb.jpg#0\tTwo cats .\nc.jpg#0\tA man .\nx.jpg.1#0\tNobody .\n";

describe("the Flickr layout", () => {
  const official = {
    "Flickr8k_text/Flickr8k.token.txt": TOKENS,
    "Flickr8k_text/Flickr8k.lemma.token.txt": "a.jpg#0\tA dog be .\n",
    "Flickr8k_text/Flickr_8k.trainImages.txt": "b.jpg\na.jpg\n",
    "Flickr8k_text/Flickr_8k.devImages.txt": "c.jpg\n",
    "Flickr8k_text/CrowdFlowerAnnotations.txt": "a.jpg\tb.jpg#2\t1\t0\t3\n",
    "Flickr8k_text/readme.txt": "Please cite.\n",
    "Flicker8k_Dataset/a.jpg": "",
  };
  const expected = [
    "train a.jpg @ Flicker8k_Dataset/a.jpg: A dog . | A brown dog .",
    "train b.jpg @ Flicker8k_Dataset/b.jpg: Two cats .",
    "dev c.jpg @ Flicker8k_Dataset/c.jpg: A man .",
  ];

  it("is read from the directory as unpacked; images in no list are left out, and the test list may be absent", async () => {
    const dataset = await load(official);
    expect(dataset.format).toBe("flickr");
    expect(summary(dataset)).toEqual(expected);
  });

  it("is read from the token file itself", async () => {
    expect(summary(await load(official, "Flickr8k_text/Flickr8k.token.txt"))).toEqual(expected);
  });

  it("takes the lemmatised captions when they are asked for by path", async () => {
    const [first] = summary(await load(official, "Flickr8k_text/Flickr8k.lemma.token.txt"));
    expect(first).toBe("train a.jpg @ Flicker8k_Dataset/a.jpg: A dog be .");
  });

  it.each(["Flickr8k_Dataset", "Flicker8k_Dataset/Flicker8k_Dataset", "Images", "flickr8k", "photos", "."])(
    "finds the photos in %s",
    async (folder) => {
      const { "Flicker8k_Dataset/a.jpg": _, ...files } = official;
      const dataset = await load({ ...files, [join(folder, "b.jpg")]: "" });
      expect(dataset.images[0]?.path).toBe(join(folder, "a.jpg"));
    },
  );

  it("takes the photos' directory from the caller", async () => {
    const dataset = await load({ ...official, "elsewhere/a.jpg": "" }, "", "elsewhere");
    expect(dataset.images[0]?.path).toBe("elsewhere/a.jpg");
  });

  it("understands Flickr30k's names and its lists without extensions", async () => {
    const dataset = await load({
      "results_20130124.token": TOKENS,
      "flickr30k-images/a.jpg": "",
      "train.txt": "a\n",
      "val.txt": "b\n",
      "test.txt": "c\n",
    });
    expect(dataset.images.map(({ id, split }) => `${id} ${split}`)).toEqual(["a.jpg train", "b.jpg dev", "c.jpg test"]);
  });

  it("trains on everything when there are no lists", async () => {
    const dataset = await load({ "captions.token.txt": TOKENS, "a.jpg": "" });
    expect(new Set(dataset.images.map(({ split }) => split))).toEqual(new Set(["train"]));
    expect(dataset.images).toHaveLength(4);
  });

  it("keeps listed images without captions, behind the others", async () => {
    const dataset = await load({ ...official, "Flickr8k_text/Flickr_8k.testImages.txt": "t.jpg\r\n" });
    expect(summary(dataset).at(-1)).toBe("test t.jpg @ Flicker8k_Dataset/t.jpg: ");
  });

  it("refuses an image that two lists name", async () => {
    const files = { ...official, "Flickr8k_text/Flickr_8k.devImages.txt": "c.jpg\na.jpg\n" };
    // Lists are read in the order of their names: dev before train.
    expect((await failure(files)).message).toBe(
      'Expected an image of one split for DIR/Flickr8k_text/Flickr_8k.trainImages.txt:2 but received "a.jpg, which is in dev as well as train".',
    );
  });

  it("refuses a line that is no caption line", async () => {
    const error = await failure({ ...official, "Flickr8k_text/Flickr8k.token.txt": `${TOKENS}no tab here\n` });
    expect(error.message).toBe(
      'Expected <image>#<number><TAB><caption> for DIR/Flickr8k_text/Flickr8k.token.txt:6 but received "no tab here".',
    );
  });

  it("says that there are no photos", async () => {
    const error = await failure({ "Flickr8k.token.txt": TOKENS });
    expect(error.message).toBe(
      'Expected a directory of photos for DIR but received "none that holds an image of the dataset".',
    );
    expect(error.hint).toContain("--images");
  });
});

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

describe("CSV", () => {
  it("is read with a header, quotes, line breaks in cells and a split column", async () => {
    const csv =
      'image,split,caption\na.jpg,train,"A dog, brown"\na.jpg,train,"A ""big"" dog\non grass"\nb.jpg,val,A cat\n';
    const dataset = await load({ "captions.csv": csv });
    expect(dataset.format).toBe("csv");
    expect(summary(dataset)).toEqual([
      'train a.jpg @ a.jpg: A dog, brown | A "big" dog\non grass',
      "dev b.jpg @ b.jpg: A cat",
    ]);
  });

  it.each([
    ["Kaggle's Flickr8k captions.txt", "captions.txt", "image,caption\r\na.jpg,A dog .\r\na.jpg,Dogs .\r\n"],
    [
      "Kaggle's Flickr30k results.csv",
      "results.csv",
      "image_name| comment_number| comment\na.jpg| 0| A dog .\na.jpg| 1| Dogs .\n",
    ],
    ["semicolons and a byte order mark", "x.csv", "\ufeffFilename;Caption\na.jpg;A dog .\na.jpg;Dogs .\n"],
    ["tabs", "x.tsv", "file_name\ttext\na.jpg\tA dog .\na.jpg\tDogs .\n"],
    ["a column for each caption", "x.csv", "image,caption_1,caption_2,caption_3\na.jpg,A dog .,Dogs .,\n"],
  ])("takes %s", async (_, name, csv) => {
    const dataset = await load({ [name]: csv, "Images/a.jpg": "" });
    expect(summary(dataset)).toEqual(["train a.jpg @ Images/a.jpg: A dog . | Dogs ."]);
  });

  it.each([
    [
      "a row with too many cells",
      "image,caption\na.jpg,A dog, brown\n",
      'Expected 2 cells for DIR/c.csv:2 but received "3 cells".',
    ],
    ["a row with too few", "image,caption,note\na.jpg\n", 'Expected 3 cells for DIR/c.csv:2 but received "1 cells".'],
    ["an open quote", 'image,caption\na.jpg,"A dog\nb.jpg,A cat\n', "Expected a CSV record for DIR/c.csv:"],
    ["an unknown split", "image,split,caption\na.jpg,holdout,A dog\n", 'for DIR/c.csv:2 but received "holdout".'],
    [
      "two splits of one image",
      "image,split,caption\na.jpg,train,A dog\na.jpg,dev,A dog\n",
      "Expected one split an image for DIR/c.csv:3",
    ],
    [
      "an empty image name",
      "image,caption\n,A dog\n",
      'Expected the path of an image file for DIR/c.csv:2 but received "".',
    ],
  ])("refuses %s", async (_, csv, message) => {
    expect((await failure({ "c.csv": csv })).message).toContain(message);
  });
});

describe("finding the dataset", () => {
  it.each([
    [
      "nothing at the path",
      {},
      "missing",
      /^Expected a file or directory for the dataset but received "DIR\/missing"\.$/,
    ],
    [
      "a directory without captions",
      { "a.jpg": "x", "notes.txt": "hello" },
      "",
      /^Expected a file with captions for DIR but received/,
    ],
    [
      "an empty captions file",
      { "captions.jsonl": "" },
      "captions.jsonl",
      /^Expected captions for DIR\/captions.jsonl but received "an empty file"\.$/,
    ],
    [
      "a file of another kind",
      { "a.txt": "hello" },
      "a.txt",
      /^Expected captions for DIR\/a.txt but received "another kind of file"\.$/,
    ],
    [
      "a dataset without any caption",
      { "c.jsonl": '{"image": "a", "captions": [""]}' },
      "",
      /^Expected captions for DIR\/c.jsonl but received "none"\.$/,
    ],
    [
      "two datasets in one directory",
      { "a.jsonl": '{"image": "a"}', "b.csv": "image,caption\na,b\n" },
      "",
      /^Expected one set of captions for DIR but received "DIR\/a.jsonl, DIR\/b.csv"\.$/,
    ],
  ])("says so: %s", async (_, files, path, message) => {
    const error = await failure(files as Files, path);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });
});

describe("the dataset's sha256", () => {
  const csv = (caption: string, split = "train") => ({ "c.csv": `image,split,caption\na.jpg,${split},${caption}\n` });

  it("depends on ids, captions and splits, and on nothing else", async () => {
    const { sha256 } = await load(csv("A dog"));
    const jsonl = { "d/x.jsonl": '{"split": "train", "captions": ["A dog"], "image": "a.jpg"}' };
    expect((await load(jsonl, "d")).sha256).toBe(sha256);
    expect((await load(csv("A cat"))).sha256).not.toBe(sha256);
    expect((await load(csv("A dog", "dev"))).sha256).not.toBe(sha256);
  });
});

it("loads the tiny dataset of the fixtures", async () => {
  const dataset = await loadDataset(fileURLToPath(new URL("../../../../fixtures/tiny-dataset", import.meta.url)));
  expect(dataset.name).toBe("tiny-dataset");
  expect(dataset.images).toHaveLength(14);
});
