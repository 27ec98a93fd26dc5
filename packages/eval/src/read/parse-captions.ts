/** Reads a captions file whatever its format; the content decides, not the name. */
import type { CaptionList } from "./caption-list.js";
import { captionsOfJson, captionsOfJsonLines, parseJson } from "./json-captions.js";
import {
  captionsOfCsv,
  captionsOfFlickrTokens,
  captionsOfLines,
  looksLikeCsv,
  looksLikeFlickrTokens,
} from "./text-captions.js";

/**
 * @param text content of the file
 * @param source its name, for messages
 * @throws EvaluationError naming the line or entry at fault
 */
export function parseCaptions(text: string, source: string): CaptionList {
  const content = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const start = content.trimStart();
  if (start.startsWith("[")) return captionsOfJson(parseJson(content, source), source);
  if (start.startsWith("{")) {
    return isWholeObject(start)
      ? captionsOfJson(parseJson(content, source), source)
      : captionsOfJsonLines(content, source);
  }
  if (looksLikeFlickrTokens(content)) return captionsOfFlickrTokens(content, source);
  if (looksLikeCsv(content)) return captionsOfCsv(content, source);
  return captionsOfLines(content, source);
}

/** JSON Lines have a complete object in their first line. A file of one such line is read as lines if the object names an image. */
function isWholeObject(start: string): boolean {
  const end = start.indexOf("\n");
  const line = end === -1 ? start : start.slice(0, end);
  try {
    const value: unknown = JSON.parse(line);
    const rest = end === -1 ? "" : start.slice(end).trim();
    return rest === "" && !["image", "image_id", "id"].some((field) => field in (value as object));
  } catch {
    return true;
  }
}
