import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PhraseSet } from "../metrics/meteor/phrase-set.js";
import { loadParaphrases, readCaptions } from "../node.js";
import { goldenParaphraseText } from "../testing/golden.js";
import { mergeReferences, pairCaptions } from "./pair-captions.js";
import { parseCaptions } from "./parse-captions.js";

const read = (text: string) => [...parseCaptions(text, "file").captions];

describe("caption files", () => {
  it.each([
    [
      "COCO annotations",
      '{"images":[{"id":1},{"id":2}],"annotations":[{"image_id":2,"id":9,"caption":"b"},{"image_id":1,"id":8,"caption":"a"},{"image_id":2,"id":7,"caption":"c"}]}',
    ],
    ["a COCO list", '[{"image_id":1,"caption":"a"},{"image_id":2,"caption":"b"},{"image_id":2,"caption":"c"}]'],
    ["a dictionary", '{"1":["a"],"2":[{"caption":"b"},{"caption":"c"}]}'],
    ["JSON Lines", '{"image":"1","captions":["a"]}\n\n{"image":"2","captions":["b","c"],"split":"test"}\n'],
    ["CSV", 'image,caption\r\n1,a\r\n2,"b"\r\n2,c\r\n'],
    ["CSV with a byte-order mark and other columns", "\uFEFFsplit;image_id;caption\ntest;1;a\ntest;2;b\ntest;2;c\n"],
    ["Flickr8k tokens", "1#0\ta\n2#0\tb\n2#1\tc\n"],
  ])("are read as %s", (_, text) => {
    expect(read(text)).toEqual([
      ["1", ["a"]],
      ["2", ["b", "c"]],
    ]);
  });

  it("are plain lines otherwise, numbered from 1", () => {
    expect(read("a dog, running\nsee #1\tor not\n\n")).toEqual([
      ["1", ["a dog, running"]],
      ["2", ["see #1\tor not"]],
    ]);
  });

  it("keep line breaks, commas and quotes inside CSV cells", () => {
    expect(read('image,caption\n7,"a ""big"", red\nbus"\n')).toEqual([["7", ['a "big", red\nbus']]]);
  });

  it.each([
    ["[", "Expected valid JSON for file but received"],
    ["[]", 'Expected at least one caption for file but received "none".'],
    ['[{"caption":"a"}]', "Expected one of the fields image_id, id, image, file_name, filename for entry 1 of file"],
    ['[{"image_id":1}]', "Expected one of the fields caption, captions"],
    ['[{"image_id":1,"caption":7}]', "Expected a caption for entry 1 (image 1) of file but received 7."],
    ['[{"image_id":1,"caption":" "}]', 'Expected a caption with words for entry 1 (image 1) of file but received " ".'],
    ['[{"image_id":null,"caption":"a"}]', "Expected an image id for entry 1 of file but received null."],
    ['{"image":"1","caption":"a"}\n{"image"', "Expected valid JSON for line 2 of file"],
    ['image,caption\n1,"a', "Expected valid CSV for file"],
    ["1#0\ta\nb\n", "Expected photo.jpg#number, a tab and a caption for line 2 of file"],
    ["a\n\nb\n", "Expected a caption with words for line 2 (image 2) of file"],
  ])("that are wrong are refused by place and reason: %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

describe("pairing", () => {
  const references = parseCaptions('{"a":["x"],"b":["y","z"],"c":["w"]}', "refs.json");
  const hypotheses = (text: string) => parseCaptions(text, "hyps.json");

  it("follows the order of the references", () => {
    const pairs = pairCaptions(references, hypotheses('{"c":["3"],"a":["1"],"b":["2"]}'));
    expect(pairs.map(({ id, candidate }) => id + candidate)).toEqual(["a1", "b2", "c3"]);
    expect(pairs[1]!.references).toEqual(["y", "z"]);
  });

  it("names images without a hypothesis and hypotheses without references", () => {
    expect(() => pairCaptions(references, hypotheses('{"a":["1"]}'))).toThrow(
      'Expected a hypothesis for every image for hyps.json but received "none for b, c".',
    );
    expect(() => pairCaptions(references, hypotheses('{"a":["1"],"b":["1"],"c":["1"],"d":["1"]}'))).toThrow(
      'Expected references for every hypothesis for refs.json but received "none for d".',
    );
    const pairs = pairCaptions(references, hypotheses('{"a":["1"],"d":["1"]}'), { ignoreMissing: true });
    expect(pairs.map(({ id }) => id)).toEqual(["a"]);
  });

  it("refuses two hypotheses for an image, with or without ignoreMissing", () => {
    for (const ignoreMissing of [false, true]) {
      expect(() =>
        pairCaptions(references, hypotheses('{"a":["1","2"],"b":["1"],"c":["1"]}'), { ignoreMissing }),
      ).toThrow('Expected one hypothesis per image for hyps.json but received "several for a".');
    }
  });

  it("names the lines of hypotheses for the same image", () => {
    const twice = '{"image":"a","caption":"1"}\n{"image":"b","caption":"2"}\n{"image":"a","caption":"3"}\n';
    expect(() => pairCaptions(references, hypotheses(twice))).toThrow('received "several for a (line 1, line 3)".');
    expect(() => pairCaptions(references, hypotheses('{"image":"a","captions":["1","2"]}\n'))).toThrow(
      'received "several for a (line 1)".',
    );
  });

  it("refuses files that have no image in common, and an announced image without references", () => {
    expect(() => pairCaptions(references, hypotheses('{"z":["1"]}'), { ignoreMissing: true })).toThrow(
      "Expected images of refs.json for hyps.json",
    );
    const announced = parseCaptions(
      '{"images":[{"id":1},{"id":2}],"annotations":[{"image_id":1,"caption":"x"}]}',
      "refs.json",
    );
    expect(() => pairCaptions(announced, hypotheses('{"1":["a"],"2":["b"]}'))).toThrow(
      'Expected references for every image for refs.json but received "none for 2".',
    );
  });

  it("joins parallel files of plain lines, and no plain file with one that has ids", () => {
    const [one, two, short] = [
      parseCaptions("a\nb\n", "1.txt"),
      parseCaptions("c\nd\n", "2.txt"),
      parseCaptions("e\n", "3.txt"),
    ];
    expect([...mergeReferences([one, two]).captions.values()]).toEqual([
      ["a", "c"],
      ["b", "d"],
    ]);
    expect(() => mergeReferences([one, short])).toThrow(
      "Expected as many lines as 1.txt (2) for 3.txt but received 1.",
    );
    for (const mixed of [
      [one, references],
      [references, one],
    ])
      expect(() => mergeReferences(mixed)).toThrow(
        'Expected image ids in both files or in neither for 1.txt but received "plain lines".',
      );
    expect(() => pairCaptions(references, one)).toThrow("Expected image ids in both files or in neither for 1.txt");
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-eval-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("that are missing or not UTF-8 are refused, with the line at fault", async () => {
    await expect(readCaptions(join(folder, "none.json"))).rejects.toThrow("no such file");
    const path = join(folder, "latin1.txt");
    await writeFile(path, Buffer.from([0x61, 0x0a, 0x63, 0xe9, 0x0a]));
    await expect(readCaptions(path)).rejects.toThrow("an invalid byte in line 2");
  });

  it("with paraphrases are read packed or plain, and refused when cut short", async () => {
    const phrases = new PhraseSet();
    for (const phrase of ["next to", "beside"]) phrases.addPhrasesOf(phrase);
    const plain = join(folder, "paraphrases.txt");
    const packed = join(folder, "paraphrases.gz");
    const damaged = join(folder, "damaged.gz");
    const bytes = gzipSync(goldenParaphraseText);
    await Promise.all([
      writeFile(plain, goldenParaphraseText),
      writeFile(packed, bytes),
      writeFile(damaged, bytes.subarray(0, 40)),
    ]);
    const wanted = [["next to", ["beside"]]];
    expect([...(await loadParaphrases(plain, phrases)).entries]).toEqual(wanted);
    expect([...(await loadParaphrases(packed, phrases)).entries]).toEqual(wanted);
    await expect(loadParaphrases(damaged, phrases)).rejects.toThrow("Expected a readable paraphrase table");
    await expect(loadParaphrases(join(folder, "none.gz"), phrases)).rejects.toThrow("no such file");
  });
});
