import { describe, expect, it } from "vitest";
import { failure, load, summary } from "../testing/load-files.js";

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
