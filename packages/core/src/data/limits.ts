// What a dataset may cost to read. Far above every captioning dataset there is; a file beyond them is damaged, hostile or not a dataset.

/** One line of a line-based format, or one CSV record. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** A Karpathy or COCO document, which has to be parsed as a whole. V8 strings end at 512 MiB. */
export const MAX_JSON_BYTES = 400 * 1024 * 1024;
export const MAX_IMAGES = 5_000_000;
export const MAX_CAPTIONS = 20_000_000;
export const MAX_CAPTION_CHARACTERS = 20_000;
export const MAX_IMAGE_NAME_CHARACTERS = 4_096;
/** Faults of one kind that a diagnosis lists; all of them are counted. */
export const MAX_LISTED_FAULTS = 200;
