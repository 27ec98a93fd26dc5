/** Gives every distinct word a small integer, in order of first appearance. */
export class Interner {
  readonly #ids = new Map<string, number>();

  id(word: string): number {
    let id = this.#ids.get(word);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(word, id);
    }
    return id;
  }

  get size(): number {
    return this.#ids.size;
  }
}
