/** The paraphrase table in word ids: a tree over left phrases, so that most positions are settled by one look-up. */
import type { Lexicon } from "./lexicon.js";
import type { ParaphraseTable } from "./paraphrase-table.js";

interface PhraseNode {
  readonly next: Map<number, PhraseNode>;
  /** Right phrases of the left phrase that ends here, in file order. */
  rights: Int32Array[];
}

export class PhraseIndex {
  readonly #root: PhraseNode = { next: new Map(), rights: [] };
  /** Per word id, whether it stands in the caption at hand: settles most right phrases by their first word. */
  readonly #present: Uint8Array;

  constructor(table: ParaphraseTable, lexicon: Lexicon) {
    for (const [left, rights] of table.entries) {
      let node = this.#root;
      for (const word of lexicon.read(left)) {
        let next = node.next.get(word);
        if (next === undefined) {
          next = { next: new Map(), rights: [] };
          node.next.set(word, next);
        }
        node = next;
      }
      node.rights = rights.map((right) => lexicon.read(right));
    }
    this.#present = new Uint8Array(lexicon.size);
  }

  /**
   * Calls back for every (left phrase in `from`, occurrence of one of its right phrases in `to`): by start of the left phrase, short ones first, then in file order,
   * then by start of the right phrase.
   */
  forEachPair(
    from: Int32Array,
    to: Int32Array,
    found: (leftStart: number, leftLength: number, rightStart: number, rightLength: number) => void,
  ): void {
    this.#mark(to, 1);
    for (let start = 0; start < from.length; start++) {
      let node: PhraseNode | undefined = this.#root;
      for (let end = start; end < from.length; end++) {
        node = node.next.get(from[end]!);
        if (node === undefined) break;
        for (const right of node.rights) {
          if (this.#present[right[0]!] === 0) continue;
          for (let at = 0; at + right.length <= to.length; at++) {
            if (stands(right, to, at)) found(start, end - start + 1, at, right.length);
          }
        }
      }
    }
    this.#mark(to, 0);
  }

  #mark(words: Int32Array, mark: 0 | 1): void {
    const present = this.#present;
    // Words the lexicon learned after the table stand in no phrase.
    for (let i = 0; i < words.length; i++) if (words[i]! < present.length) present[words[i]!] = mark;
  }
}

function stands(phrase: Int32Array, words: Int32Array, at: number): boolean {
  for (let k = 0; k < phrase.length; k++) if (words[at + k] !== phrase[k]) return false;
  return true;
}
