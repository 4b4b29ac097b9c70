/** Where the server is: a proxy may serve it below a path of its host. */

// This file is at static/core/ below that path; in tests there is no page, and in a page that is one file no server.
const BASE = globalThis.location && import.meta.url.startsWith("http") ? new URL("../..", import.meta.url).pathname.replace(/\/$/, "") : "";

/** Return the address of one of the server's paths; one that has the proxy's path already stays as it is. */
export const at = (path) => (BASE !== "" && path.startsWith(`${BASE}/`) ? path : BASE + path);
