/** Where a browser keeps something for its page: some keep nothing, and say so by an error. */

/** Return the storage of this name ("localStorage", "sessionStorage"), or null where there is none. */
export function storageOf(name, scope = globalThis) {
  try {
    return scope[name] ?? null;
  } catch {
    return null;
  }
}
