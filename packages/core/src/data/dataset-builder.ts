import type { Split } from "./dataset.js";
import { DatasetFaultError, fault, type Place, type ReportFault } from "./dataset-fault.js";
import { MAX_CAPTION_CHARACTERS, MAX_CAPTIONS, MAX_IMAGE_NAME_CHARACTERS, MAX_IMAGES } from "./limits.js";
import { parseSplit, SPLIT_WORDS_HINT } from "./split-words.js";

interface DraftCaption {
  readonly text: string;
  readonly file: string;
  readonly line: number | null;
}

/** An image as a reader found it, with the places of everything. */
export interface DraftImage {
  readonly id: string;
  /** The image file's path below the dataset's image directory. */
  readonly name: string;
  /** undefined: in no split (Flickr images that no list names), left out of the dataset. */
  split: Split | undefined;
  readonly place: Place;
  readonly captions: DraftCaption[];
}

/** Collects what a reader finds, in file order, and holds it to the rules all formats share. */
export class DatasetBuilder {
  readonly report: ReportFault;
  private readonly images = new Map<string, DraftImage>();
  private captionCount = 0;

  constructor(report: ReportFault) {
    this.report = report;
  }

  get drafts(): Iterable<DraftImage> {
    return this.images.values();
  }

  image(id: string): DraftImage | undefined {
    return this.images.get(id);
  }

  /** Adds an image; a name that cannot be used and an id that is there already are reported, and undefined comes back. */
  addImage(id: string, name: string, split: Split | undefined, place: Place): DraftImage | undefined {
    if (name === "" || name.length > MAX_IMAGE_NAME_CHARACTERS || name.includes("\0") || /^[a-z]+:\/\//i.test(name)) {
      const hint = "Write the file's path, relative to the dataset or its image directory; addresses are not fetched.";
      this.report(fault("error", "bad-image-name", place, "the path of an image file", name, hint));
      return undefined;
    }
    const earlier = this.images.get(id);
    if (earlier !== undefined) {
      const hint = `It stands in line ${earlier.place.line ?? "?"} of ${earlier.place.file} already: put all captions of an image together.`;
      this.report(fault("error", "duplicate-id", place, "an image that occurs once", id, hint));
      return undefined;
    }
    if (this.images.size >= MAX_IMAGES) throw beyond(place, `at most ${MAX_IMAGES} images`);
    const image: DraftImage = { id, name, split, place, captions: [] };
    this.images.set(id, image);
    return image;
  }

  /** Adds a caption as written, white space around it taken off; an empty one is reported and left out. */
  addCaption(image: DraftImage, caption: unknown, place: Place): void {
    if (typeof caption !== "string") {
      this.report(fault("error", "bad-record", place, "text as caption", caption, "Write the caption as a string."));
      return;
    }
    if (caption.length > MAX_CAPTION_CHARACTERS) {
      const hint = "A caption is a sentence: a missing quote or line end may have swallowed what follows.";
      const actual = `${caption.length} characters`;
      this.report(
        fault(
          "error",
          "caption-too-long",
          place,
          `at most ${MAX_CAPTION_CHARACTERS} characters a caption`,
          actual,
          hint,
        ),
      );
      return;
    }
    const text = caption.trim();
    if (text === "") {
      const hint = "The caption is left out: write one or remove it.";
      this.report(fault("warning", "empty-caption", place, `a caption of ${image.id}`, caption, hint));
      return;
    }
    this.captionCount += 1;
    if (this.captionCount > MAX_CAPTIONS) throw beyond(place, `at most ${MAX_CAPTIONS} captions`);
    image.captions.push({ text, ...place });
  }

  /** The split a file's word means; an unknown word is reported. */
  splitOf(word: unknown, place: Place): Split | undefined {
    const split = typeof word === "string" ? parseSplit(word) : undefined;
    if (split === undefined) {
      this.report(fault("error", "unknown-split", place, "one of train, dev, test as split", word, SPLIT_WORDS_HINT));
    }
    return split;
  }
}

function beyond(place: Place, what: string): DatasetFaultError {
  return new DatasetFaultError(fault("error", "limit", place, what, "more", "Split the dataset."));
}
