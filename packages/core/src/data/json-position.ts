// Lines inside JSON documents, which JSON.parse does not tell: of the elements of an array, and of the first syntax error.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;

/**
 * The lines on which the elements of top-level arrays begin.
 * @param bytes a valid JSON document whose value is an object
 * @returns key of the object → line of each element of the array under it
 */
export function elementLines(bytes: Uint8Array): ReadonlyMap<string, readonly number[]> {
  const lines = new Map<string, number[]>();
  let line = 1;
  let depth = 0;
  let key = "";
  let elements: number[] | undefined;
  let awaitsElement = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === LINE_FEED) line += 1;
    if (byte <= 0x20) continue;
    const closes = byte === 0x5d || byte === 0x7d;
    if (depth === 2 && elements !== undefined && awaitsElement && !closes) {
      elements.push(line);
      awaitsElement = false;
    }
    if (byte === QUOTE) {
      const start = at + 1;
      for (at = start; bytes[at] !== QUOTE && at < bytes.length; at++) if (bytes[at] === BACKSLASH) at += 1;
      if (depth === 1) key = Buffer.from(bytes.subarray(start, at)).toString("utf8");
    } else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth === 2 && byte === 0x5b) {
        elements = [];
        lines.set(key, elements);
        awaitsElement = true;
      }
    } else if (closes) {
      depth -= 1;
      if (depth === 1) elements = undefined;
    } else if (byte === 0x2c && depth === 2) awaitsElement = true;
  }
  return lines;
}

const WHITE_SPACE = /[ \t\r\n]*/y;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const STRING_ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The line of the first syntax error of a text that JSON.parse refuses: where the first thing stands that cannot follow. */
export function syntaxErrorLine(text: string): number {
  const closers: string[] = [];
  let wanted: "value" | "key" | "colon" | "comma" | "nothing" = "value";
  let fresh = false; // an opening bracket was just read, so its closing one may follow
  let at = endOf(WHITE_SPACE, text, 0)!;
  while (at < text.length) {
    const mark = text[at]!;
    let end = at + 1;
    let opened = false;
    if ((mark === "}" || mark === "]") && mark === closers.at(-1) && (wanted === "comma" || fresh)) {
      closers.pop();
      wanted = closers.length === 0 ? "nothing" : "comma";
    } else if (wanted === "value" && (mark === "{" || mark === "[")) {
      closers.push(mark === "{" ? "}" : "]");
      wanted = mark === "{" ? "key" : "value";
      opened = true;
    } else if (wanted === "colon" && mark === ":") wanted = "value";
    else if (wanted === "comma" && mark === ",") wanted = closers.at(-1) === "}" ? "key" : "value";
    else if (wanted === "value" || (wanted === "key" && mark === '"')) {
      const valueEnd = mark === '"' ? endOfString(text, at) : endOf(LITERAL, text, at);
      if (valueEnd === undefined) break;
      end = valueEnd;
      if (wanted === "key") wanted = "colon";
      else wanted = closers.length === 0 ? "nothing" : "comma";
    } else break;
    fresh = opened;
    at = endOf(WHITE_SPACE, text, end)!;
  }
  return lineAt(text, at);
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Where a string ends, or undefined if it does not or holds what a string cannot. Line ends are not allowed in it, so its own line is that of the fault. */
function endOfString(text: string, start: number): number | undefined {
  let at = start + 1;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) return at + 1;
    if (unit < 0x20) return undefined;
    if (unit !== BACKSLASH) at += 1;
    else {
      const end = endOf(STRING_ESCAPE, text, at);
      if (end === undefined) return undefined;
      at = end;
    }
  }
  return undefined;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}
