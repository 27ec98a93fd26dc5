/**
 * Captions in JSON: COCO annotations (`{images, annotations: [{image_id, caption}]}`), COCO results (`[{image_id, caption}]`),
 * pycocoevalcap's dictionaries (`{id: ["…"]}` or `{id: [{caption}]}`), and JSON Lines.
 */
import { EvaluationError, expected } from "../errors.js";
import { CaptionCollector, type CaptionList } from "./caption-list.js";

const ID_FIELDS = ["image_id", "id", "image", "file_name", "filename"];
const CAPTION_FIELDS = ["caption", "captions", "references", "hypothesis", "candidate", "text"];

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws EvaluationError if the document has none of the known shapes */
export function captionsOfJson(document: unknown, source: string): CaptionList {
  const collector = new CaptionCollector(source);
  if (Array.isArray(document)) addEntries(collector, document, "entry", source);
  else if (isObject(document) && Array.isArray(document["annotations"])) {
    const images: unknown[] = Array.isArray(document["images"]) ? document["images"] : [];
    for (const [i, image] of images.entries())
      collector.announce(isObject(image) ? image["id"] : image, `images entry ${i + 1}`);
    addEntries(collector, document["annotations"], "annotations entry", source);
  } else if (isObject(document)) {
    for (const [id, captions] of Object.entries(document)) addCaptions(collector, id, captions, `image ${id}`);
  } else throw new EvaluationError(expected("a list or an object of captions", source, document));
  return collector.finish();
}

/** One JSON object a line; blank lines are passed over. */
export function captionsOfJsonLines(text: string, source: string): CaptionList {
  const collector = new CaptionCollector(source);
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    addEntry(collector, parseJson(line, `line ${i + 1} of ${source}`), `line ${i + 1}`, source);
  });
  return collector.finish();
}

export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EvaluationError(expected("valid JSON", place, (cause as Error).message), { cause });
  }
}

function addEntries(collector: CaptionCollector, entries: readonly unknown[], kind: string, source: string): void {
  for (const [i, entry] of entries.entries()) addEntry(collector, entry, `${kind} ${i + 1}`, source);
}

function addEntry(collector: CaptionCollector, entry: unknown, place: string, source: string): void {
  if (!isObject(entry))
    throw new EvaluationError(expected("an object with an image id and a caption", `${place} of ${source}`, entry));
  const idField = ID_FIELDS.find((field) => field in entry);
  const captionField = CAPTION_FIELDS.find((field) => field in entry);
  if (idField === undefined)
    throw new EvaluationError(expected(`one of the fields ${ID_FIELDS.join(", ")}`, `${place} of ${source}`, entry));
  if (captionField === undefined)
    throw new EvaluationError(
      expected(`one of the fields ${CAPTION_FIELDS.join(", ")}`, `${place} of ${source}`, entry),
    );
  addCaptions(collector, entry[idField], entry[captionField], place);
}

function addCaptions(collector: CaptionCollector, id: unknown, captions: unknown, place: string): void {
  if (!Array.isArray(captions)) {
    collector.add(id, isObject(captions) ? captions["caption"] : captions, place);
    return;
  }
  collector.announce(id, place);
  for (const caption of captions) collector.add(id, isObject(caption) ? caption["caption"] : caption, place);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
