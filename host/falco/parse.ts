// SPDX-License-Identifier: Apache-2.0
// The parser of conditions: recursive descent, one method a production.
//
//   Or        And ('or' (blank And | '(' Or ')'))*
//   And       Not ('and' (blank Not | '(' Or ')'))*
//   Not       ('not' blank)* ('not(' Or ')' | Check)
//   Check     '(' Or ')' | Operand Condition | Identifier
//   Operand   Name ('[' Arg ']')? | Transformer '(' Operand ... ')'
//   Condition 'exists' | NumOp Num | TextOp Text | TextOp Modifier List | ListOp List      (each right side may be val(Field))
//   List      '(' (Text (',' Text)*)? ')' | Identifier
//
// There is no tokenizer: what a text means depends on where it stands (`in` is an operator or a bare value).
// Operators made of letters need no blank after them when they take a list (`in(a,b)`), and one blank when
// they take text.
import {
  type CheckExpr,
  type Expr,
  LIST_OPERATORS,
  type ListValue,
  MODIFIERS,
  type Modifier,
  NUMBER_OPERATORS,
  OPERATORS,
  type Operand,
  type Operator,
  type Place,
  TEXT_OPERATORS,
  type TextValue,
  TRANSFORMERS,
  type Transformer,
  toBytes,
  type Value,
} from "./condition.js";
import { Scanner } from "./scan.js";

/** How deep parentheses may nest. */
export const DEPTH_MAX = 100; // of a condition given alone; rules allow more
/** The same, of a rule whose macros and lists were put in. */
export const RULE_DEPTH_MAX = 1000;

/** Throws ConditionError at the first mistake. */
export function parseCondition(text: string, depthMax = RULE_DEPTH_MAX): Expr {
  return new Parser(toBytes(text), depthMax).parse();
}

const IDENTIFIER = /[a-zA-Z]+[a-zA-Z0-9_]*/y;
const FIELD_NAME = /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y;
const BARE_ARG = /[^\][" '\t\n\v\f\r]+/y;
const HEX = /0[xX][0-9a-zA-Z]+/y;
const NUMBER = /[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?/y;
const BARE_TEXT = /[^()"'\s=,]+/y;
const NOT = /not[ \t\n\v\f\r]+/y;

class Parser extends Scanner {
  parse(): Expr {
    if (this.text === "") this.fail("filter input string is empty");
    const expr = this.#or();
    if (this.at !== this.text.length) this.fail(`unexpected token after '${this.token}', expecting 'or', 'and'`);
    return expr;
  }

  #or(): Expr {
    return this.#chain("or", () => this.#and());
  }

  #and(): Expr {
    return this.#chain("and", () => this.#not());
  }

  #chain(word: "or" | "and", operand: () => Expr): Expr {
    return this.nested(() => {
      const at = this.place();
      this.blank();
      const children = [operand()];
      this.blank();
      while (this.take(word)) {
        if (this.blank()) children.push(operand());
        else if (this.take("(")) children.push(this.#remainder());
        else this.fail(`expected blank or '(' after '${word}'`);
        this.blank();
      }
      return children.length === 1 ? children[0]! : { kind: word, children, at };
    });
  }

  #not(): Expr {
    return this.nested(() => {
      const at = this.place();
      let isNegated = false;
      this.blank();
      while (this.match(NOT)) isNegated = !isNegated;
      let child: Expr;
      if (this.take("not(")) {
        isNegated = !isNegated;
        child = this.#remainder();
      } else {
        child = this.#check();
      }
      return isNegated ? { kind: "not", child, at } : child;
    });
  }

  // After an opening parenthesis.
  #remainder(): Expr {
    return this.nested(() => {
      this.blank();
      const child = this.#or();
      this.blank();
      this.expect(")", "expected a ')' token");
      return child;
    });
  }

  #check(): Expr {
    return this.nested(() => {
      this.blank();
      const at = this.place();
      if (this.take("(")) return this.#remainder();
      const left = this.#operand();
      if (left) return this.#condition(left, at);
      if (this.match(IDENTIFIER)) return { kind: "macro", name: this.token, at };
      return this.fail("expected a '(' token, a field check, or an identifier");
    });
  }

  #operand(): Operand | null {
    const at = this.place();
    if (this.match(FIELD_NAME)) return this.#field(this.token, at);
    const name = this.#transformer();
    return name ? this.#transform(name, at) : null;
  }

  #field(name: string, at: Place): Operand {
    return { kind: "field", name, arg: this.#argument(), at };
  }

  #argument(): string | null {
    if (!this.take("[")) return null;
    if (!this.quoted() && !this.match(BARE_ARG))
      this.fail("expected a valid field argument: a quoted string or a bare string");
    const arg = this.token;
    this.expect("]", "expected a ']' token");
    return arg;
  }

  // After `name(`.
  #transform(name: Transformer, at: Place): Operand {
    return this.nested(() => {
      const args: (Operand | TextValue)[] = [];
      do {
        this.blank();
        const place = this.place();
        const operand = this.#operand();
        if (operand) args.push(operand);
        else if (MANY_ARGUMENTS.has(name) && this.quoted()) args.push({ kind: "text", value: this.token, at: place });
        else this.fail(`expected a field or a nested valid transformer: ${TRANSFORMER_NAMES}`);
        this.blank();
      } while (MANY_ARGUMENTS.has(name) && this.take(","));
      this.expect(")", "expected a ')' token closing the transformer");
      return { kind: "transform", name, args, arg: name === "getopt" ? this.#argument() : null, at };
    });
  }

  #condition(left: Operand, at: Place): Expr {
    return this.nested(() => {
      this.blank();
      if (this.take("exists")) return { kind: "exists", left, at };
      const make = (op: Operator, right: CheckExpr["right"], modifier: Modifier | null = null): Expr => {
        return { kind: "check", left, op, modifier, right, at };
      };
      for (const op of NUMBER_OPERATORS) if (this.take(op)) return make(op, this.#numberValue());
      for (const op of TEXT_OPERATORS) {
        if (!this.take(isWord(op) ? `${op} ` : op)) continue;
        const modifier = this.#modifier();
        return modifier ? make(op, this.#listValue(), modifier) : make(op, this.#textValue());
      }
      for (const op of LIST_OPERATORS) if (this.take(op)) return make(op, this.#listValue());
      const known = OPERATORS.map((op) => `'${op}'`).join(", ");
      return this.fail(`expected a valid check operator: one of ${known}`);
    });
  }

  // A modifier is one only when a list follows: `proc.name = oneof` compares with the text "oneof".
  #modifier(): Modifier | null {
    const start = this.at;
    this.blank();
    for (const word of MODIFIERS) {
      if (!this.take(word)) continue;
      this.blank();
      if (this.text[this.at] === "(") return word;
      break;
    }
    this.at = start;
    return null;
  }

  #numberValue(): Value | Operand {
    this.blank();
    const at = this.place();
    const computed = this.#computed();
    if (computed) return computed;
    if (this.match(HEX) || this.match(NUMBER)) return { kind: "text", value: this.token, at };
    return this.fail(`expected a number value or a field with a valid transformer: ${TRANSFORMER_NAMES}`);
  }

  #textValue(): Value | Operand {
    this.blank();
    const computed = this.#computed();
    return computed ?? this.#text_(`expected a string value or a field with a valid transformer: ${TRANSFORMER_NAMES}`);
  }

  #text_(complaint: string): TextValue {
    this.blank();
    const at = this.place();
    if (this.quoted() || this.match(BARE_TEXT)) return { kind: "text", value: this.token, at };
    return this.fail(complaint);
  }

  #listValue(): Value | Operand {
    this.blank();
    const at = this.place();
    if (this.take("(")) return this.#list(at);
    const computed = this.#computed();
    if (computed) return computed;
    if (this.match(IDENTIFIER)) return { kind: "text", value: this.token, at };
    return this.fail(`expected a list, an identifier, or a field with a valid transformer: ${TRANSFORMER_NAMES}`);
  }

  #list(at: Place): ListValue {
    const values: string[] = [];
    this.blank();
    if (!this.take(")")) {
      do {
        values.push(this.#text_(values.length === 0 ? "expected a ')' token" : "expected a string value").value);
        this.blank();
      } while (this.take(","));
      this.expect(")", "expected a ')' token");
    }
    return { kind: "list", values, at };
  }

  // The right side as `val(field)` or as a transformer.
  #computed(): Operand | null {
    const at = this.place();
    if (this.take("val(")) {
      this.blank();
      const place = this.place();
      if (!this.match(FIELD_NAME)) this.fail("expected a field within 'val' transformer");
      const field = this.#field(this.token, place);
      this.blank();
      this.expect(")", "expected a ')' token closing the transformer");
      return { kind: "transform", name: "val", args: [field], arg: null, at };
    }
    const name = this.#transformer();
    return name ? this.#transform(name, at) : null;
  }

  #transformer(): Transformer | null {
    for (const name of TRANSFORMERS) {
      if (!this.take(`${name}(`)) continue;
      this.token = name;
      this.blank();
      return name;
    }
    return null;
  }
}

function isWord(op: string): boolean {
  return /^[a-z]/.test(op);
}

const MANY_ARGUMENTS = new Set<string>(["join", "concat", "getopt"]);
const TRANSFORMER_NAMES = ["val", ...TRANSFORMERS].map((name) => `'${name}'`).join(", ");
