import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failure, load, summary } from "../testing/load-files.js";

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
