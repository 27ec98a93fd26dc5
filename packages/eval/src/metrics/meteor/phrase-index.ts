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
  }

  /** Calls back for every (left phrase at `start` of `from`, occurrence of one of its right phrases in `to`): short left phrases first, then file order, then position. */
  forEachPair(
    from: Int32Array,
    start: number,
    to: Int32Array,
    found: (leftLength: number, rightStart: number, rightLength: number) => void,
  ): void {
    let node: PhraseNode | undefined = this.#root;
    for (let end = start; end < from.length; end++) {
      node = node.next.get(from[end]!);
      if (node === undefined) return;
      for (const right of node.rights) {
        for (let at = 0; at + right.length <= to.length; at++) {
          if (stands(right, to, at)) found(end - start + 1, at, right.length);
        }
      }
    }
  }
}

function stands(phrase: Int32Array, words: Int32Array, at: number): boolean {
  for (let k = 0; k < phrase.length; k++) if (words[at + k] !== phrase[k]) return false;
  return true;
}
