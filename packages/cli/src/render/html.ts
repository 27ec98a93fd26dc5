/** Markup that is safe to write: made by `html`, which escapes whatever is put in, or by `trusted`. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What may stand in a template: text is escaped, markup is not, lists are joined, `undefined` and `false` are nothing. */
export type Content = Html | string | number | false | undefined | readonly Content[];

/** Template tag for markup. Attribute values must stand in quotes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(String.raw({ raw: parts }, ...contents.map(toMarkup)));
}

/** Markup that is known to be safe: style sheets and scripts of our own. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function toMarkup(content: Content): string {
  if (content === undefined || content === false) return "";
  if (content instanceof Html) return content.markup;
  if (typeof content === "object") return content.map(toMarkup).join("");
  return escapeHtml(String(content));
}
