/** Keeps the screen from going dark while people talk: they do not touch the keyboard. */

/** Return {release()}; does nothing where the browser cannot, or will not. */
export async function keepAwake() {
  try {
    return await navigator.wakeLock.request("screen");
  } catch {
    return { release: () => {} };
  }
}
