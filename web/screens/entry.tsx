// SPDX-License-Identifier: Apache-2.0
// Where nobody is in: how one comes in, and a field for a token.
import { useSignal } from "@preact/signals";
import { enterWith, refusal } from "../session.js";

export function Entry() {
  const token = useSignal("");
  const submit = (event: Event): void => {
    event.preventDefault();
    void enterWith(token.value.trim());
  };
  return (
    <main class="entry">
      <h1>Vedette</h1>
      {refusal.value !== null && (
        <p class="problem" role="alert">
          {refusal.value}
        </p>
      )}
      <p>
        <code>vedette console --socket PATH</code> prints an address that lets you in.
      </p>
      <form onSubmit={submit}>
        <label for="token">Or a token of --control-tokens</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          value={token.value}
          onInput={(event) => {
            token.value = event.currentTarget.value;
          }}
        />
        <button type="submit" disabled={token.value.trim() === ""}>
          Enter
        </button>
      </form>
    </main>
  );
}
