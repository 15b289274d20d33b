// SPDX-License-Identifier: Apache-2.0
// What loading one rule file gave: errors and warnings with Falco's codes, and the three ways Falco shows
// them (a summary line, a text with places and snippets, and JSON). The JSON has nlohmann's key order, which
// is alphabetical.
import type { Context } from "./location.js";

interface Meaning {
  readonly title: string;
  readonly description: string;
}

/** Falco's errors by code, with titles and meanings of ours. */
export const LOAD_ERRORS = {
  LOAD_ERR_FILE_READ: {
    title: "File read error",
    description: "A rules file cannot be read. Check that it exists, and its permissions.",
  },
  LOAD_ERR_YAML_PARSE: { title: "YAML parse error", description: "The rules content is not valid YAML." },
  LOAD_ERR_YAML_VALIDATE: {
    title: "Error validating internal structure of YAML file",
    description:
      "The YAML is valid but not of the form of a rules file: a key is missing, or a value has the wrong type.",
  },
  LOAD_ERR_COMPILE_CONDITION: {
    title: "Error compiling condition",
    description: "A condition is not a valid filter.",
  },
  LOAD_ERR_COMPILE_OUTPUT: { title: "Error compiling output", description: "An output is not a valid format." },
  LOAD_ERR_VALIDATE: {
    title: "Error validating rule/macro/list/exception objects",
    description:
      "An item is wrong in itself: an undefined macro, an engine version that is not met, an append to nothing.",
  },
  LOAD_ERR_EXTENSION: { title: "Error in extension item", description: "An extension item is wrong." },
} satisfies Record<string, Meaning>;

/** Falco's warnings by code, with titles and meanings of ours. */
export const LOAD_WARNINGS = {
  LOAD_UNKNOWN_SOURCE: {
    title: "Unknown event source",
    description: "A rule has an event source that nothing here provides. The rule is ignored.",
  },
  LOAD_UNSAFE_NA_CHECK: {
    title: "Unsafe <NA> comparison in condition",
    description: "A comparison with <NA> does not tell whether a field exists. Use the 'exists' operator.",
  },
  LOAD_NO_EVTTYPE: {
    title: "Condition has no event-type restriction",
    description: "A condition matches too many values of evt.type, which costs time at every event. Restrict evt.type.",
  },
  LOAD_UNKNOWN_FILTER: {
    title: "Unknown field or event-type in condition or output",
    description: "A field or an evt.type does not exist, and the rule has skip-if-unknown-filter: it is skipped.",
  },
  LOAD_UNUSED_MACRO: { title: "Unused macro", description: "A macro is used by no macro and no rule." },
  LOAD_UNUSED_LIST: { title: "Unused list", description: "A list is used by no list, no macro and no rule." },
  LOAD_UNKNOWN_ITEM: { title: "Unknown rules file item", description: "An item is of no known kind. It is ignored." },
  LOAD_DEPRECATED_ITEM: { title: "Used deprecated item", description: "A deprecated form is used." },
  LOAD_WARNING_EXTENSION: { title: "Warning in extension item", description: "An extension item has a warning." },
  LOAD_APPEND_NO_VALUES: {
    title: "Overriding/appending with no values",
    description: "An exception is appended or overridden without values.",
  },
  LOAD_EXCEPTION_NAME_NOT_UNIQUE: {
    title: "Multiple exceptions defined with the same name",
    description: "A rule defines more than one exception of the same name.",
  },
  LOAD_INVALID_MACRO_NAME: {
    title: "Invalid macro name",
    description: "A macro has a name that conditions cannot use.",
  },
  LOAD_INVALID_LIST_NAME: { title: "Invalid list name", description: "A list has a name that conditions cannot use." },
  LOAD_COMPILE_CONDITION: {
    title: "Warning in rule condition",
    description: "A condition or an output was understood, with a doubt.",
  },
  LOAD_UNKNOWN_KEY: {
    title: "Unknown key in item definition",
    description: "An item has a key that its kind does not know. It is ignored: a typo, perhaps.",
  },
} satisfies Record<string, Meaning>;

/** A key of LOAD_ERRORS. */
export type ErrorCode = keyof typeof LOAD_ERRORS;
/** A key of LOAD_WARNINGS. */
export type WarningCode = keyof typeof LOAD_WARNINGS;

/** Ends the loading of one file. */
export class LoadError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly context: Context,
  ) {
    super(message);
  }
}

/** One error or warning, and where it is. */
export interface Finding<Code> {
  readonly code: Code;
  readonly message: string;
  readonly context: Context;
}

/** What one file gave, in the order in which it was found. */
export class LoadResult {
  readonly errors: Finding<ErrorCode>[] = [];
  readonly warnings: Finding<WarningCode>[] = [];

  constructor(readonly name: string) {}

  get successful(): boolean {
    return this.errors.length === 0;
  }

  /** Why the file could not be read; null: it was. */
  get unreadable(): string | null {
    return this.errors.find(({ code }) => code === "LOAD_ERR_FILE_READ")?.message ?? null;
  }

  error(code: ErrorCode, message: string, context: Context): void {
    this.errors.push({ code, message, context });
  }

  warn(code: WarningCode, message: string, context: Context): void {
    this.warnings.push({ code, message, context });
  }

  toJson(contents: ReadonlyMap<string, string>): object {
    // In Falco's, too, an error has its title there and a warning a whole sentence.
    const list = <Code extends string>(
      findings: Finding<Code>[],
      meanings: Record<Code, Meaning>,
      part: "title" | "description",
    ) =>
      findings.map((f) => ({
        code: f.code,
        codedesc: meanings[f.code][part],
        context: f.context.toJson(contents),
        message: f.message,
      }));
    return {
      errors: list(this.errors, LOAD_ERRORS, "title"),
      name: this.name,
      successful: this.successful,
      warnings: list(this.warnings, LOAD_WARNINGS, "description"),
    };
  }

  get verdict(): string {
    const verdict = this.successful ? "Ok" : "Invalid";
    return `${this.name}: ${verdict}${this.successful && this.warnings.length > 0 ? ", with warnings" : ""}`;
  }

  summary(): string {
    const codes = (count: string, findings: Finding<string>[], meanings: Record<string, Meaning>) => {
      const shown = findings.map((f) => `${f.code} (${meanings[f.code]!.title})`).join(" ");
      return findings.length === 0 ? "" : `\n ${findings.length} ${count}: [${shown}]`;
    };
    return this.verdict + codes("errors", this.errors, LOAD_ERRORS) + codes("warnings", this.warnings, LOAD_WARNINGS);
  }

  text(contents: ReadonlyMap<string, string>): string {
    const part = (count: string, findings: Finding<string>[], meanings: Record<string, Meaning>) => {
      if (findings.length === 0) return "";
      const each = findings.map((f) => {
        const snippet = `------\n${f.context.snippet(contents)}------\n`;
        return `${f.context}${snippet}${f.code} (${meanings[f.code]!.title}): ${f.message}\n`;
      });
      return `\n${findings.length} ${count}:\n${each.join("")}`;
    };
    return this.verdict + part("Errors", this.errors, LOAD_ERRORS) + part("Warnings", this.warnings, LOAD_WARNINGS);
  }
}
