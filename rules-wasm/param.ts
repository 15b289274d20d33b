// SPDX-License-Identifier: Apache-2.0
// The parameters of a policy: what whoever runs it may set without touching the code. policy.yaml declares
// each with its type and default; read it once, at the top of the file:
//
//   const ALLOWED = new StringSet(param.strings("allow"));
import { integerOf, KIND_BOOL, KIND_INT, KIND_STRING, KIND_STRINGS, settingAt, stringsOf } from "./wire/settings";

// Inside the namespace the words `bool` and `string` are the functions.
type Text = string;
type Texts = string[];
type Truth = bool;

export namespace param {
  export function bool(name: Text): Truth {
    return integerOf(settingAt(name, KIND_BOOL)) != 0;
  }

  export function int(name: Text): i64 {
    return integerOf(settingAt(name, KIND_INT));
  }

  export function string(name: Text): Text {
    return stringsOf(settingAt(name, KIND_STRING))[0];
  }

  export function strings(name: Text): Texts {
    return stringsOf(settingAt(name, KIND_STRINGS));
  }
}
