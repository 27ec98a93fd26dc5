/** Captions as a file gives them: image id → its captions, in file order. */
import { EvaluationError, expected } from "../errors.js";

export interface CaptionList {
  /** Where they come from, for messages. */
  readonly source: string;
  readonly captions: ReadonlyMap<string, readonly string[]>;
  /** Where each of an image's captions stands, for messages: `line 7`. */
  readonly places?: ReadonlyMap<string, readonly string[]>;
  /** True where ids are line numbers because the file has none. */
  readonly numbered: boolean;
}

/** Collects captions and refuses empty ones. */
export class CaptionCollector {
  readonly #source: string;
  readonly #captions = new Map<string, string[]>();
  readonly #places = new Map<string, string[]>();

  constructor(source: string) {
    this.#source = source;
  }

  /** @param place for messages: `line 7`, `entry 3` */
  add(id: unknown, caption: unknown, place: string): void {
    const key = this.#idOf(id, place);
    if (typeof caption !== "string") {
      throw new EvaluationError(expected("a caption", `${place} (image ${key}) of ${this.#source}`, caption));
    }
    if (caption.trim() === "") {
      throw new EvaluationError(
        expected("a caption with words", `${place} (image ${key}) of ${this.#source}`, caption),
        {
          hint: "Remove the entry, or give it a caption.",
        },
      );
    }
    append(this.#captions, key, caption);
    append(this.#places, key, place);
  }

  /** Makes an image known that may get no caption. */
  announce(id: unknown, place: string): void {
    const key = this.#idOf(id, place);
    if (!this.#captions.has(key)) this.#captions.set(key, []);
  }

  finish(numbered = false): CaptionList {
    if (this.#captions.size === 0) throw new EvaluationError(expected("at least one caption", this.#source, "none"));
    return { source: this.#source, captions: this.#captions, places: this.#places, numbered };
  }

  #idOf(id: unknown, place: string): string {
    if (typeof id === "number" && Number.isFinite(id)) return String(id);
    if (typeof id === "string" && id.trim() !== "") return id.trim();
    throw new EvaluationError(expected("an image id", `${place} of ${this.#source}`, id));
  }
}

function append(lists: Map<string, string[]>, key: string, item: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
