import { expected, OptionError } from "@showtell/core/errors";

/** Parsers for commander's options: a wrong value is one line that names the option. */
export function integerOption(name: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || value < minimum || value > maximum) {
      const isOpen = maximum === Number.MAX_SAFE_INTEGER && !(value > maximum);
      const range = isOpen ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new OptionError(expected(`a whole number ${range}`, name, text));
    }
    return value;
  };
}

export function numberOption(name: string, minimum = Number.NEGATIVE_INFINITY) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < minimum) {
      const what = minimum === Number.NEGATIVE_INFINITY ? "a number" : `a number of at least ${minimum}`;
      throw new OptionError(expected(what, name, text));
    }
    return value;
  };
}

/** For a number above 0, up to `maximum`. */
export function positiveOption(
  name: string,
  { maximum = Number.POSITIVE_INFINITY, hint }: { readonly maximum?: number; readonly hint?: string } = {},
) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value <= 0 || value > maximum) {
      const what = maximum === Number.POSITIVE_INFINITY ? "a number above 0" : `a number above 0, at most ${maximum}`;
      throw new OptionError(expected(what, name, text), { hint });
    }
    return value;
  };
}

export function choiceOption<const T extends readonly string[]>(name: string, choices: T) {
  return (text: string): T[number] => {
    if (!choices.includes(text)) throw new OptionError(expected(`one of ${choices.join(", ")}`, name, text));
    return text;
  };
}
