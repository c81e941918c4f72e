/** Verdict is what there is to say of a name while it is typed: an error forbids it, a note does not. */
export type Verdict = { error?: string; note?: string };

const longest = 63;

/** judge says whether a workspace can have an instance of a name. */
export function judge(name: string, taken: string[]): Verdict {
  if (!name) return {};
  const strange = [...new Set(name.match(/[^A-Za-z0-9-]/g))];
  if (strange.length) {
    const shown = strange.map((c) => (c === " " ? "a space" : `“${c}”`)).join(", ");
    return { error: `Use letters, digits and hyphens only, not ${shown}.` };
  }
  if (name.length > longest) return { error: `Use at most ${longest} characters; these are ${name.length}.` };
  if (taken.some((t) => t.toLowerCase() === name.toLowerCase()))
    return { error: `The workspace has an instance ${name} already.` };
  if (!/^[a-z]/.test(name) || /[A-Z]/.test(name)) {
    return {
      note: "The newer API has ids of lower-case letters that begin with a letter: there it may be called differently.",
    };
  }
  return {};
}
