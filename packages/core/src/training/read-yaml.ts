import { isNode, LineCounter, parseDocument } from "yaml";
import { expected, RecipeError } from "../errors.js";

const MAX_RECIPE_CHARACTERS = 1_000_000;

/** A YAML file's value, and where each part of it was written. */
export interface YamlFile {
  readonly value: unknown;
  /** `file:line` of the innermost part of the path that is there. */
  placeOf(path: readonly PropertyKey[]): string;
}

/** @throws RecipeError naming file and line where it is no YAML */
export function readYaml(text: string, source: string, hint: string): YamlFile {
  if (text.length > MAX_RECIPE_CHARACTERS) {
    throw new RecipeError(expected(`at most ${MAX_RECIPE_CHARACTERS} characters`, source, text.length));
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const fault = document.errors[0];
  if (fault) {
    const line = fault.linePos?.[0].line;
    throw new RecipeError(expected("YAML", at(source, line), fault.message.split("\n")[0]), { hint });
  }
  const placeOf = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return at(source, lines.linePos(node.range[0]).line);
    }
    return source;
  };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) ?? {}, placeOf };
  } catch (cause) {
    throw new RecipeError(expected("YAML", source, (cause as Error).message), { cause });
  }
}

function at(source: string, line: number | undefined): string {
  return line === undefined ? source : `${source}:${line}`;
}
