/** Gives every distinct word a small integer, in order of first appearance. */
export class Interner {
  readonly #ids = new Map<string, number>();
  readonly #words: string[] = [];

  id(word: string): number {
    let id = this.#ids.get(word);
    if (id === undefined) {
      id = this.#words.length;
      this.#ids.set(word, id);
      this.#words.push(word);
    }
    return id;
  }

  word(id: number): string {
    return this.#words[id]!;
  }

  get size(): number {
    return this.#words.length;
  }
}
