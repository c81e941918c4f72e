/** changed is the search part of an address with some of it changed; what is empty or null goes. */
export function changed<S extends object>(was: S, change: { [K in keyof S]?: S[K] | string | null }): S {
  const next = Object.entries({ ...was, ...change }).filter(
    ([, value]) => value !== null && value !== "" && value !== undefined,
  );
  return Object.fromEntries(next) as S;
}
