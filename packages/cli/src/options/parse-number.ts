import { expected, OptionError } from "@showtell/core/errors";

/** Parsers for commander's options: a wrong value is one line that names the option. */
export function integerOption(name: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || value < minimum || value > maximum) {
      const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new OptionError(expected(`a whole number ${range}`, name, text));
    }
    return value;
  };
}

export function numberOption(name: string, minimum: number, maximum = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < minimum || value > maximum) {
      const range = maximum === Number.POSITIVE_INFINITY ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new OptionError(expected(`a number ${range}`, name, text));
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
